import { formerColumns } from '../../connectors/postgres/former-columns.ts'
import type { LoggedChange, Table } from '../../runtime/contract.ts'
import { keyText } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'

interface LogRow {
  readonly table: Table
  readonly key: Uint8Array
  readonly ver: bigint
  /** Where a cell was absent, what the row had there before, as a sink has it then. */
  readonly texts: readonly (string | null)[]
  readonly isWhole: boolean
}

/** One incarnation of a table. */
interface Life {
  readonly incarnation: number
  readonly rows: Map<string, LogRow>
  readonly versions: Map<string, Version>
}

interface Version {
  /** The greatest that a key has had. */
  ver: bigint
  /** A delete or a truncate has come since. */
  isGone: boolean
  /** What the log said of it last, for a person. */
  readonly said: string[]
}

/** Characters of a value that a difference shows. */
const MOST_SHOWN = 20
/** Records of a key that are told where it is wrong. */
const SAID = 8

/**
 * The newest row of each key, as a sink has it, from the changes of a PostgreSQL source's log in their order. Every row
 * written at the source has a `ver` of its own, greater than all before: throws where a key goes back.
 */
export class LogRows {
  records = 0
  /** Changes of the stream that lacked cells. */
  incomplete = 0
  /** Rows of loads that say what the log said already. */
  needless = 0
  readonly #lives = new Map<string, Life>()

  take(change: LoggedChange): void {
    const { kind, table } = change
    const life = this.#life(table)
    if (kind === 's' || table.incarnation < life.incarnation) return
    this.records++
    if (kind === 't') {
      life.rows.clear()
      // A first load that begins anew has its rows come once more.
      if (change.transaction === undefined) life.versions.clear()
      for (const version of life.versions.values()) {
        version.isGone = true
        note(version, change)
      }
      return
    }
    const key = keyText(change.key)
    const former = life.rows.get(key)
    const version = life.versions.get(key) ?? { ver: 0n, isGone: false, said: [] }
    life.versions.set(key, version)
    if (kind === 'd') {
      life.rows.delete(key)
      version.isGone = true
      note(version, change)
    } else {
      const row = newRow(change, former)
      if (kind !== 'r' && !row.isWhole) this.incomplete++
      note(version, change, row.ver)
      const name = `${table.table} ${key} (${version.said.join(', ')})`
      if (version.isGone && row.ver <= version.ver) throw new Error(`${name} comes back with version ${row.ver}`)
      // Rows are read again, and those that lacked cells are completed.
      if (row.ver < version.ver || (row.ver === version.ver && kind !== 'r' && former?.isWhole !== false))
        throw new Error(`${name} goes back from version ${version.ver} to ${row.ver}`)
      if (kind === 'r' && former !== undefined && isSame(former, row)) this.needless++
      version.ver = row.ver
      version.isGone = false
      life.rows.set(key, row)
    }
  }

  get isWhole(): boolean {
    return [...this.#lives.values()].every(({ rows }) => [...rows.values()].every(row => row.isWhole))
  }

  /** Keys that the table has or had. */
  keys(table: string): readonly Uint8Array[] {
    return [...(this.#lives.get(table)?.rows.values() ?? [])].map(({ key }) => key)
  }

  /** How these rows of the source, by column, differ from the log's; undefined if they are the same. */
  difference(table: string, rows: readonly Record<string, string | null>[]): string | undefined {
    const life = this.#lives.get(table)
    const found = [...(life?.rows ?? [])]
    const newest = Math.max(...found.map(([, row]) => row.table.id))
    const now = found.find(([, row]) => row.table.id === newest)?.[1].table
    const columns = Object.keys(rows[0] ?? {})
    const have = new Map(found.map(([key, row]) => [JSON.stringify(columns.map(name => cellOf(row, name, now!))), key]))
    const want = new Set(rows.map(row => JSON.stringify(Object.values(row))))
    const lacks = [...want].filter(row => !have.has(row)).map(row => `the log lacks ${shortened(row)}`)
    const others = [...have].flatMap(([row, key]) =>
      want.has(row) ? [] : [`it has ${shortened(row)} (${life?.versions.get(key)?.said.join(', ')})`],
    )
    if (lacks.length === 0 && others.length === 0 && found.length === rows.length) return undefined
    return `${table}: ${[...lacks.slice(0, 3), ...others.slice(0, 3)].join('; ')}`
  }

  #life({ table, incarnation }: Table): Life {
    let life = this.#lives.get(table)
    if (life === undefined || life.incarnation < incarnation) {
      life = { incarnation, rows: new Map(), versions: new Map() }
      this.#lives.set(table, life)
    }
    return life
  }
}

function note({ said }: Version, { kind, version, transaction }: LoggedChange, ver?: bigint): void {
  said.push(`${kind}${ver === undefined ? '' : ` ${ver}`} at ${version} by ${transaction ?? 'a load'}`)
  if (said.length > SAID) said.shift()
}

function newRow(change: LoggedChange, former: LogRow | undefined): LogRow {
  const { table } = change
  const places = former === undefined ? [] : formerColumns(table, former.table)
  const texts = table.columns.map((_, i) =>
    change.tag(i) === CellTag.absent ? (former?.texts[places[i]!] ?? null) : change.text(i),
  )
  const ver = BigInt(texts[table.columns.findIndex(({ name }) => name === 'ver')]!)
  return { table, key: Uint8Array.from(change.key), ver, texts, isWhole: change.complete }
}

function isSame(a: LogRow, b: LogRow): boolean {
  return a.table.id === b.table.id && a.isWhole && b.isWhole && a.texts.every((text, i) => text === b.texts[i])
}

/** A column that the row's version of the table did not have yet is null. */
function cellOf({ table, texts }: LogRow, column: string, now: Table): string | null {
  const place = now.columns.findIndex(({ name }) => name === column)
  if (place === -1) return null
  return texts[table.id === now.id ? place : formerColumns(now, table)[place]!] ?? null
}

/** Values by their beginning and their length. */
function shortened(row: string): string {
  const values = JSON.parse(row) as (string | null)[]
  return values
    .map(value =>
      value === null || value.length <= MOST_SHOWN ? String(value) : `${value.slice(0, MOST_SHOWN)}..${value.length}`,
    )
    .join('|')
}
