import type { Table } from '../../runtime/contract.ts'
import type { RowSet } from './row-set.ts'

/** Rows that one statement applies. Their columns are the sink's own ones, then those of the table. */
export interface Group {
  readonly round: number
  readonly table: Table
  /** put: whole rows; patch: only these columns; remove: keys; append: a row for each change. */
  readonly kind: 'put' | 'patch' | 'remove' | 'append'
  /** Places in the table's columns; of a removal the key's, in key order. */
  readonly columns: readonly number[]
  readonly rows: RowSet
  /** Of an append: the lowest and highest version. */
  versions: { readonly first: bigint; readonly last: bigint } | undefined
}

type NewRows = (table: Table, kind: Group['kind'], columns: readonly number[]) => RowSet

/** The groups of a batch, each begun when its first row comes. */
export class Groups {
  readonly #newRows: NewRows
  readonly #groups = new Map<string, Group>()
  #last: Group | undefined

  constructor(newRows: NewRows) {
    this.#newRows = newRows
  }

  /** `columns`: those that a patch has. */
  of(round: number, table: Table, kind: Group['kind'], columns: readonly number[] | undefined): Group {
    const last = this.#last
    if (columns === undefined && last?.kind === kind && last.table === table && last.round === round) return last
    const id = `${round} ${table.id} ${kind} ${columns?.join() ?? ''}`
    let group = this.#groups.get(id)
    if (group === undefined) {
      const places = kind === 'remove' ? table.key : (columns ?? table.columns.map((_, i) => i))
      const rows = this.#newRows(table, kind, places)
      group = { round, table, kind, columns: places, rows, versions: undefined }
      this.#groups.set(id, group)
    }
    this.#last = group
    return group
  }

  /** By rounds, and within one as they were begun. */
  inOrder(): Group[] {
    return [...this.#groups.values()].sort((a, b) => a.round - b.round)
  }
}
