/** What the log of a source holds, as operations by transaction and as the rows that are left in the end. */
import type { LoggedChange, Table } from '../../../../runtime/contract.ts'
import { keyText } from '../../../../runtime/record/key.ts'
import { CellTag } from '../../../../runtime/record/layout.ts'

type Texts = readonly (string | null | undefined)[]

/** One change of a row; undefined cells are not known. */
export interface Operation {
  readonly kind: 'insert' | 'update' | 'delete'
  readonly table: Table
  readonly before: Texts | undefined
  readonly after: Texts | undefined
}

interface LastRow {
  readonly table: Table
  readonly texts: readonly (string | null)[]
  readonly isWhole: boolean
  /** What the log said of it, for a person. */
  readonly said: readonly string[]
}

/** Records of a row that a failure tells. */
const SAID = 6

/** Takes changes in the order of the log. */
export class Operations {
  /** Of each transaction of the stream, by its GTID. */
  readonly transactions = new Map<string, Operation[]>()
  readonly #tables = new Map<string, { table: Table; rows: Map<string, LastRow> }>()
  #moved: Operation | undefined
  #current = ''

  take(change: LoggedChange): void {
    const { kind, transaction } = change
    const wasWhole = this.#keep(change)
    if (transaction === undefined || kind === 's' || kind === 't' || kind === 'r' || kind === 'm') return
    const operation = this.#operation(change)
    if (operation === undefined) return
    // MariaDB's transactions are called by their GTID and their place.
    const [gtid] = transaction.split('@') as [string]
    const operations = this.transactions.get(gtid)
    if (operations === undefined) this.transactions.set(gtid, [operation])
    else if (gtid === this.#current) operations.push(operation)
    else if (wasWhole) throw new Error(`${gtid} comes again`)
    // Else a change that lacked cells, which comes once more with all of them.
    else return
    this.#current = gtid
  }

  /** A key that moved is a delete and what follows it. */
  #operation(change: LoggedChange): Operation | undefined {
    const { kind, table, moved, hasBefore } = change
    const before = (): Texts =>
      table.columns.map((_, i) => (hasBefore || table.key.includes(i) ? change.before(i) : undefined))
    const after = (): Texts =>
      table.columns.map((_, i) => (change.tag(i) === CellTag.absent ? undefined : change.text(i)))
    if (kind === 'd') {
      const operation: Operation = { kind: 'delete', table, before: before(), after: undefined }
      if (moved === undefined) return operation
      this.#moved = operation
      return undefined
    }
    const former = moved === undefined ? (hasBefore ? before() : undefined) : this.#moved?.before
    return { kind: kind === 'c' ? 'insert' : 'update', table, before: former, after: after() }
  }

  /** Answers whether all cells of the row were known before. */
  #keep(change: LoggedChange): boolean {
    const { kind, table, key } = change
    const { name } = table
    let known = this.#tables.get(name)
    if (known === undefined || known.table.incarnation < table.incarnation) {
      known = { table, rows: new Map() }
      this.#tables.set(name, known)
    }
    if (known.table.id < table.id) known.table = table
    if (table.incarnation < known.table.incarnation || kind === 's' || kind === 'm') return true
    const place = table.key.length === 0 ? String(known.rows.size) : keyText(key)
    const wasWhole = known.rows.get(place)?.isWhole ?? true
    if (kind === 't') known.rows.clear()
    else if (kind === 'd') known.rows.delete(place)
    else {
      const texts = table.columns.map((_, i) => change.text(i))
      const said = [...(known.rows.get(place)?.said ?? []), tell(change)].slice(-SAID)
      known.rows.set(place, { table, texts, isWhole: change.complete, said })
    }
    return wasWhole
  }

  /** Newest rows that lack cells, and have a key by which they are read again, for a person. */
  get incomplete(): string[] {
    return [...this.#tables.values()].flatMap(({ rows }) =>
      [...rows].flatMap(([key, { table, isWhole }]) =>
        isWhole || table.key.length === 0 ? [] : [`${table.name} ${key}`],
      ),
    )
  }

  /** The rows that a sink would have now, and their table. A column that a row's version did not have is null. */
  rows(schema: string, table: string): { table: Table; rows: LoggedRow[] } | undefined {
    const known = [...this.#tables.values()].find(one => one.table.schema === schema && one.table.table === table)
    if (known === undefined) return undefined
    const { columns } = known.table
    const rows = [...known.rows.values()].map(({ table: then, texts, said }) => ({
      texts: columns.map(({ name }) => texts[then.columns.findIndex(one => one.name === name)] ?? null),
      said,
    }))
    return { table: known.table, rows }
  }
}

/** A row in the end. */
export interface LoggedRow {
  readonly texts: readonly (string | null)[]
  readonly said: readonly string[]
}

function tell({ kind, table, transaction, complete }: LoggedChange): string {
  return `${kind} of version ${table.version} by ${transaction ?? 'a load'}${complete ? '' : ', incomplete'}`
}
