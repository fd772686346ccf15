import type { Source, Table } from '../contract.ts'

/** For each column of the newer version, the column of the older that it is; -1: none that may be taken. */
export type ColumnMap = readonly number[]

/** Which column of a former table version is which of a later one, asked once for each pair. */
export class FormerColumns {
  readonly #ask: Source['formerColumns']
  readonly #known = new Map<string, ColumnMap>()

  constructor(ask: Source['formerColumns']) {
    this.#ask = ask
  }

  of(now: Table, then: Table): ColumnMap | undefined {
    if (now.id === then.id) return undefined
    const name = `${now.id} ${then.id}`
    let map = this.#known.get(name)
    if (map === undefined) {
      const former = this.#ask?.(now, then) ?? byName(now, then)
      map = former.map((column, i) => (isSameSecret(now, i, then, column) ? column : -1))
      this.#known.set(name, map)
    }
    return map
  }
}

function byName(now: Table, then: Table): ColumnMap {
  return now.columns.map(({ name, declared }) =>
    then.columns.findIndex(column => column.name === name && column.declared === declared),
  )
}

/** A value that was stored in the clear never gets into a column that is masked now, nor the other way. */
function isSameSecret(now: Table, i: number, then: Table, column: number): boolean {
  return (now.columns[i]!.masked ?? false) === (then.columns[column]?.masked ?? false)
}
