import type { WriteResult } from '../../runtime/contract.ts'
import type { Connection } from './connection.ts'
import type { Layout } from './layout.ts'
import type { RowGroup } from './row-groups.ts'
import { RowTexts } from './row-texts.ts'
import { isRowFault, isValueFault, placeOf, stateOf } from './server-error.ts'
import { probe, writtenColumns } from './statements.ts'
import type { ApplyRows } from './writer.ts'

/** A batch with more of them comes again when these are left out. */
const MOST_REJECTS = 1000

/**
 * Applies rows group by group, each half of one that is refused again by itself, until the rows that are at fault are
 * known. In a transaction, which is of use only if there is none.
 */
export class RejectedRows {
  readonly found: { index: number; reason: string }[] = []
  readonly #connection: Connection
  readonly #apply: ApplyRows
  readonly #logId: string

  constructor(connection: Connection, apply: ApplyRows, logId: string) {
    this.#connection = connection
    this.#apply = apply
    this.#logId = logId
  }

  get result(): WriteResult {
    return { rejected: this.found.sort((a, b) => a.index - b.index) }
  }

  readonly search: ApplyRows = async (layout, group) => {
    if (this.found.length >= MOST_REJECTS) return
    const error = await this.#refusal(() => this.#apply(layout, group))
    if (error === undefined) return
    const { rows } = group
    if (rows.length === 1) {
      this.found.push({ index: rows[0]!.index, reason: await this.#reason(layout, group, error) })
      return
    }
    const middle = rows.length >>> 1
    await this.search(layout, { ...group, rows: rows.slice(0, middle) })
    await this.search(layout, { ...group, rows: rows.slice(middle) })
  }

  /** The error that a row is at fault for; the transaction goes on as it was. */
  async #refusal(work: () => Promise<unknown>): Promise<unknown> {
    await this.#connection.run('SAVEPOINT refused')
    try {
      await work()
    } catch (error) {
      if (!isRowFault(error)) throw error
      await this.#connection.run('ROLLBACK TO SAVEPOINT refused; RELEASE SAVEPOINT refused')
      return error
    }
    await this.#connection.run('RELEASE SAVEPOINT refused')
    return undefined
  }

  /** Without the server's own words, which quote the value. */
  async #reason(layout: Layout, group: RowGroup, error: unknown): Promise<string> {
    const state = stateOf(error)
    if (!isValueFault(error)) return `The table refuses it${placeOf(error)} (${state}).`
    const columns = writtenColumns(layout, group)
    const values: (string | null)[] = columns.map(() => null)
    new RowTexts(columns, group, this.#logId).read(group.rows[0]!, {
      null: () => {},
      bytes: (column, from, start, end) => {
        values[column] = from.toString('utf8', start, end)
      },
    })
    for (const [i, column] of columns.entries()) {
      const wrong = await this.#refusal(() => this.#connection.query(probe(column), [values[i]!]))
      if (wrong !== undefined)
        return `Column "${column.source ?? column.name}" is ${column.storage}, which has no such value (${stateOf(wrong)}). \`asText\` of the sink keeps it as text.`
    }
    return `A value does not fit its column${placeOf(error)} (${state}). \`asText\` of the sink keeps a column as text.`
  }
}
