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
}

/** Takes changes in the order of the log. */
export class Operations {
  /** Of each transaction of the stream, by its GTID. */
  readonly transactions = new Map<string, Operation[]>()
  readonly #tables = new Map<string, { table: Table; rows: Map<string, LastRow> }>()
  #moved: Operation | undefined

  take(change: LoggedChange): void {
    const { kind, transaction } = change
    this.#keep(change)
    if (transaction === undefined || kind === 's' || kind === 't' || kind === 'r' || kind === 'm') return
    const operation = this.#operation(change)
    if (operation === undefined) return
    // MariaDB's transactions are called by their GTID and their place.
    const [gtid] = transaction.split('@') as [string]
    const operations = this.transactions.get(gtid)
    if (operations === undefined) this.transactions.set(gtid, [operation])
    else operations.push(operation)
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

  #keep(change: LoggedChange): void {
    const { kind, table, key } = change
    const { name } = table
    let known = this.#tables.get(name)
    if (known === undefined || known.table.incarnation < table.incarnation) {
      known = { table, rows: new Map() }
      this.#tables.set(name, known)
    }
    if (known.table.id < table.id) known.table = table
    if (table.incarnation < known.table.incarnation || kind === 's' || kind === 'm') return
    const place = table.key.length === 0 ? String(known.rows.size) : keyText(key)
    if (kind === 't') known.rows.clear()
    else if (kind === 'd') known.rows.delete(place)
    else {
      const texts = table.columns.map((_, i) => change.text(i))
      known.rows.set(place, { table, texts, isWhole: change.complete })
    }
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
  rows(schema: string, table: string): { table: Table; rows: (string | null)[][] } | undefined {
    const known = [...this.#tables.values()].find(one => one.table.schema === schema && one.table.table === table)
    if (known === undefined) return undefined
    const rows = [...known.rows.values()].map(row =>
      known.table.columns.map(({ name }) => row.texts[row.table.columns.findIndex(one => one.name === name)] ?? null),
    )
    return { table: known.table, rows }
  }
}
