import type { Table } from '../../runtime/contract.ts'

/** Rows that one statement applies, in the form `R`. Their columns are the sink's own ones, then those of the table. */
export interface Group<R> {
  readonly round: number
  readonly table: Table
  /** put: whole rows; patch: only these columns; remove, mark: keys; append: a row for each change. */
  readonly kind: GroupKind
  /** Places in the table's columns; of a removal the key's, in key order. */
  readonly columns: readonly number[]
  readonly rows: R
  /** Of an append: the lowest and highest version. */
  versions: { readonly first: bigint; readonly last: bigint } | undefined
}

export type GroupKind = 'put' | 'patch' | 'remove' | 'mark' | 'append'

type NewRows<R> = (table: Table, kind: GroupKind, columns: readonly number[]) => R

/** The groups of a batch, each begun when its first row comes. */
export class Groups<R> {
  readonly #newRows: NewRows<R>
  readonly #groups = new Map<string, Group<R>>()
  #last: Group<R> | undefined

  constructor(newRows: NewRows<R>) {
    this.#newRows = newRows
  }

  /** `columns`: those that a patch has. */
  of(round: number, table: Table, kind: GroupKind, columns: readonly number[] | undefined): Group<R> {
    const last = this.#last
    if (columns === undefined && last?.kind === kind && last.table === table && last.round === round) return last
    const id = `${round} ${table.id} ${kind} ${columns?.join() ?? ''}`
    let group = this.#groups.get(id)
    if (group === undefined) {
      const isOfKeys = kind === 'remove' || kind === 'mark'
      const places = isOfKeys ? table.key : (columns ?? table.columns.map((_, i) => i))
      const rows = this.#newRows(table, kind, places)
      group = { round, table, kind, columns: places, rows, versions: undefined }
      this.#groups.set(id, group)
    }
    this.#last = group
    return group
  }

  /** By rounds, and within one as they were begun. */
  inOrder(): Group<R>[] {
    return [...this.#groups.values()].sort((a, b) => a.round - b.round)
  }
}
