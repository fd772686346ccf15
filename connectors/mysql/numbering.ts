import { createHash } from 'node:crypto'
import type { Table } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { freeze } from '../../runtime/record/schema.ts'
import { qualifiedName } from '../../runtime/select.ts'
import { type EventNumbers, type EventTable, eventTable, isEventTable } from '../common/event-tables.ts'
import { hiddenKey, maskedColumn, maskHash } from '../common/mask.ts'
import { addByName } from '../common/versions-by-name.ts'
import { type Definition, type Origin, originOf } from './definition.ts'
import { rewriteOf } from './rewrite.ts'

export interface Numbered {
  /** Its origin says if rows of versions before it must be read again. */
  readonly version: Table
  /** Set where going on would let values pass that were masked or excluded: throw it (MASK_LOST). */
  readonly lost: TailraceError | undefined
}

export interface NumberOptions {
  /** Another table has this name now. */
  readonly isReborn?: boolean
  /** Its rows changed without events, whatever its columns are. */
  readonly stale?: string
}

/**
 * Gives tables their ids: the one of the newest version if nothing changed, else the next. One for everything that reads
 * a source, so that no id is given twice.
 */
export class Numbering implements EventNumbers {
  readonly #source: string
  readonly #mask: string | undefined
  /** By table name, ascending ids. */
  readonly #versions = new Map<string, Table[]>()
  #last = 0

  /** `known`: all versions so far. */
  constructor(source: string, known: readonly Table[], maskKey: string | undefined) {
    this.#source = source
    for (const table of [...known].sort((a, b) => a.id - b.id)) this.#issue(table)
    const probe = maskKey === undefined ? undefined : maskHash(maskKey, Buffer.from('tailrace'))
    this.#mask = probe === undefined ? undefined : createHash('sha256').update(probe).digest('hex').slice(0, 16)
  }

  /** Newest version of the table of this name; undefined: never met. */
  newest(schema: string, table: string): Table | undefined {
    return this.#versions.get(qualifiedName([this.#source, schema, table]))?.at(-1)
  }

  number(definition: Definition, { isReborn = false, stale }: NumberOptions = {}): Numbered {
    const drafted = this.#draft(definition)
    const versions = this.#versions.get(drafted.name) ?? []
    const before = versions.at(-1)
    if (before === undefined) return { version: this.#add(drafted, 1, 1), lost: undefined }
    if (drafted.routed === true) {
      // Nothing that becomes of an outbox makes its events others, or has it read again.
      const isSame = isSameDefinition(before, drafted)
      return { version: isSame ? before : this.#add(drafted, before.incarnation, before.version + 1), lost: undefined }
    }
    if (isReborn || hasOtherKey(before, drafted)) {
      const reborn = markStale(drafted, 'another table has its name, or its rows are told apart by other values')
      return { version: this.#add(reborn, before.incarnation + 1, 1), lost: undefined }
    }
    if (stale === undefined && isSameDefinition(before, drafted)) return { version: before, lost: undefined }
    const rewrite = rewriteOf(before, definition, originOf(drafted))
    const lost = isTailraceError(rewrite) ? rewrite : undefined
    const reason = stale ?? (isTailraceError(rewrite) ? undefined : rewrite)
    const marked = reason === undefined ? drafted : markStale(drafted, reason)
    return { version: this.#add(marked, before.incarnation, before.version + 1), lost }
  }

  /** As EventNumbers. */
  event(wanted: EventTable, most: number): Table {
    return eventTable(wanted, most, {
      source: this.#source,
      issued: name => this.#versions.get(name) ?? [],
      events: schema => this.events(schema),
      add: (drafted, incarnation, version) => this.#add(drafted, incarnation, version),
    })
  }

  events(schema: string): Table[] {
    return [...this.#versions.values()]
      .map(versions => versions.at(-1)!)
      .filter(table => table.schema === schema && isEventTable(table))
  }

  #draft({ schema, table, appendOnly, routed, columns, key }: Definition): Table {
    const kept = columns.filter(({ rule }) => rule !== 'exclude')
    const excluded = columns.filter(({ rule }) => rule === 'exclude').map(({ column }) => column.name)
    const origin: Origin = {
      columns: columns.map(({ column, charset }) => [column.name, column.declared, column.nullable, charset ?? null]),
      key,
      mask: columns.some(({ rule }) => rule === 'hash') ? (this.#mask ?? null) : null,
    }
    return {
      id: 0,
      name: qualifiedName([this.#source, schema, table]),
      source: this.#source,
      schema,
      table,
      incarnation: 0,
      version: 0,
      columns: kept.map(({ column, rule }) => maskedColumn(column, rule)),
      key: key.map(name => keyColumn(name, columns, qualifiedName([schema, table]))),
      appendOnly,
      ...(routed ? { routed } : {}),
      ...(excluded.length === 0 ? {} : { excluded }),
      origin: JSON.stringify(origin),
    }
  }

  #add(drafted: Table, incarnation: number, version: number): Table {
    const table = freeze({ ...drafted, id: this.#last + 1, incarnation, version })
    this.#issue(table)
    return table
  }

  #issue(table: Table): void {
    addByName(this.#versions, table)
    this.#last = Math.max(this.#last, table.id)
  }
}

function keyColumn(name: string, columns: Definition['columns'], table: string): number {
  const kept = columns.filter(({ rule }) => rule !== 'exclude')
  const index = kept.findIndex(({ column }) => column.name === name)
  const rule = kept[index]?.rule
  if (rule === 'keep' || rule === 'hash') return index
  throw hiddenKey(name, table, rule)
}

function markStale(table: Table, stale: string): Table {
  return { ...table, origin: JSON.stringify({ ...originOf(table), stale } satisfies Origin) }
}

function isSameDefinition(known: Table, drafted: Table): boolean {
  const [a, b] = [originOf(known), originOf(drafted)]
  return (
    !hasOtherKey(known, drafted) &&
    a.mask === b.mask &&
    known.appendOnly === drafted.appendOnly &&
    known.routed === drafted.routed &&
    JSON.stringify(known.columns) === JSON.stringify(drafted.columns) &&
    JSON.stringify(a.columns) === JSON.stringify(b.columns)
  )
}

/** Rows are told apart by other values: a new incarnation. */
function hasOtherKey(known: Table, drafted: Table): boolean {
  const [a, b] = [originOf(known), originOf(drafted)]
  if (JSON.stringify(a.key) !== JSON.stringify(b.key)) return true
  const isMasked = (table: Table): boolean[] => table.key.map(i => table.columns[i]!.masked === true)
  if (JSON.stringify(isMasked(known)) !== JSON.stringify(isMasked(drafted))) return true
  return a.mask !== b.mask && isMasked(drafted).some(Boolean)
}
