import type { Position, Table } from '../../runtime/contract.ts'
import { cellTexts } from '../../runtime/record/cells.ts'
import type { GenerateConfig } from './config.ts'
import { RowEncoder } from './rows.ts'
import { generatedTables } from './tables.ts'
import { type Step, Workload } from './workload.ts'

/** The rows of a table before the first transaction. */
export function* firstRows(config: GenerateConfig): Generator<readonly [id: number, change: number]> {
  for (let id = 1; id <= config.rows; id++) yield [id, -1]
}

/** Ids of the live rows of each table, ascending, each with the change that wrote it last; -1: the first load. */
export function liveRows(config: GenerateConfig, transaction: number): Map<number, number>[] {
  const workload = new Workload(config)
  const tables = Array.from({ length: config.tables }, () => new Map(firstRows(config)))
  const step: Step = { kind: 'c', table: 0, id: 0, newId: 0, truncate: false }
  for (let n = 1; n <= transaction; n++) {
    const end = workload.start(n + 1)
    for (let change = workload.start(n); change < end; change++) {
      workload.describe(change, end, step)
      const live = tables[step.table]!
      if (step.truncate) live.clear()
      if (step.kind === 'c' || step.kind === 'u') live.set(step.id, change)
      else live.delete(step.id)
      if (step.kind === 'moved') live.set(step.newId, ++change)
    }
  }
  return tables
}

export interface ExpectedTable {
  readonly table: Table
  /** By id, in no order. Texts in the order of the columns. */
  readonly rows: ReadonlyMap<string, readonly (string | null)[]>
}

/** What the source holds at a position, by table name: all rows with all columns. For tests and comparisons. */
export function expectedState(
  config: GenerateConfig,
  source: string,
  position: Position | string,
): Map<string, ExpectedTable> {
  const encoder = new RowEncoder(config.seed)
  const state = new Map<string, ExpectedTable>()
  const live = liveRows(config, Number(position))
  for (const [i, table] of generatedTables(source, config.tables).entries()) {
    const rows = new Map<string, readonly (string | null)[]>()
    for (const [id, change] of live[i]!) {
      const { bytes, at, end } = encoder.row(id, change)
      rows.set(String(id), cellTexts(bytes.subarray(at, end)))
    }
    state.set(table.name, { table, rows })
  }
  return state
}
