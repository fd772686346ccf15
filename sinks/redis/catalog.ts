import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Connection } from './connection.ts'
import { type FormerRow, type Owner, readFields, rowKey, textsOf } from './cursor-row.ts'
import { type KeyNames, OWN } from './key-names.ts'

/** Fields of the cursor's row, one per table: what its keys are named by, and which life of which table they hold. */
const TABLE_FIELD = 'table:'

interface Entry {
  readonly table: string
  readonly incarnation: number
}

/** What a table's keys are to be: of its present life, of a former one that must go first, or of no use any more. */
export type Claim = { readonly name: string; readonly state: 'live' | 'reborn' | 'ended' }

/**
 * The tables whose rows the sink has written, remembered in its row together with the cursor: by their live names, also
 * in the row of a generation, which becomes that of another one as it is.
 */
export class Catalog {
  readonly #names: KeyNames
  readonly #entries: Map<string, Entry>
  /** Live names of other sinks on the same database, and who they are. */
  readonly #others: ReadonlyMap<string, string>
  readonly #unsaved = new Map<string, string>()

  constructor(former: FormerRow, names: KeyNames, others: ReadonlyMap<string, string>) {
    this.#names = names
    this.#others = others
    this.#entries = new Map(
      [...tableFields(former.fields)].map(([field, name]) => [names.prefix + name, entryOf(former, field)]),
    )
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#entries.keys())
  }

  has(name: string): boolean {
    return this.#entries.has(name)
  }

  /** Fields not yet in the row. */
  get unsaved(): readonly (readonly [string, string])[] {
    return [...this.#unsaved]
  }

  saved(): void {
    this.#unsaved.clear()
  }

  /** Forgets all; answers the fields that say it. */
  clear(): string[] {
    const fields = [...this.#entries.keys()].map(name => TABLE_FIELD + this.#liveName(name))
    this.#entries.clear()
    this.#unsaved.clear()
    return fields
  }

  #liveName(name: string): string {
    return name.slice(this.#names.prefix.length)
  }

  /** The name of the table's keys if they hold this incarnation. */
  find(table: Table): string | undefined {
    const name = this.#names.of(table)
    const known = this.#entries.get(name)
    return known?.table === table.name && known.incarnation === table.incarnation ? name : undefined
  }

  /** Throws NAME_COLLISION. */
  claim(table: Table): Claim {
    const name = this.#names.of(table)
    const known = this.#entries.get(name)
    if (known !== undefined && known.table !== table.name) throw collision(table.name, known.table, name)
    if (known !== undefined && known.incarnation > table.incarnation) return { name, state: 'ended' }
    if (known?.incarnation === table.incarnation) return { name, state: 'live' }
    const live = this.#liveName(name)
    for (const [other, owner] of this.#others) if (meet(live, other)) throw collision(table.name, owner, other)
    const entry: Entry = { table: table.name, incarnation: table.incarnation }
    this.#entries.set(name, entry)
    this.#unsaved.set(TABLE_FIELD + live, JSON.stringify(entry))
    return { name, state: known === undefined ? 'live' : 'reborn' }
  }
}

export function* tableFields(fields: ReadonlyMap<string, string>): Generator<[field: string, name: string]> {
  for (const field of fields.keys()) if (field.startsWith(TABLE_FIELD)) yield [field, field.slice(TABLE_FIELD.length)]
}

function entryOf({ fields }: FormerRow, field: string): Entry {
  return JSON.parse(fields.get(field)!) as Entry
}

/**
 * The live names of every other row on the database, and whose they are. Not those of other generations of the same
 * sink: they are meant to be the same.
 */
export async function otherNames(connection: Connection, own: Owner): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  for (const key of textsOf(await connection.ask('SMEMBERS', OWN))) {
    if (key === null || key === rowKey(own)) continue
    const [, pipeline, owner = ''] = key.split(':')
    const sink = sinkOf(owner)
    if (pipeline === own.pipeline && owner !== own.sink && sink === sinkOf(own.sink)) continue
    const fields = await readFields(connection, key)
    for (const [, name] of tableFields(fields)) names.set(name, `the sink "${sink}" of the pipeline "${pipeline}"`)
  }
  return names
}

/** The name of the sink that a generation is of. */
function sinkOf(owner: string): string {
  return owner.split('~', 1)[0]!
}

/** Whether a key could have both names. */
function meet(a: string, b: string): boolean {
  return `${a}:`.startsWith(`${b}:`) || `${b}:`.startsWith(`${a}:`)
}

function collision(table: string, other: string, name: string): TailraceError {
  return new TailraceError(
    'NAME_COLLISION',
    'stop',
    `Keys of ${table} and of ${other} would both begin with "${name}:".`,
    {
      hint: 'Set `name` of the sink to a template that keeps them apart, such as {pipeline}.{source}.{schema}.{table}, or give it a database of its own.',
    },
  )
}
