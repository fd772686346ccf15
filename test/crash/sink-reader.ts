import type { TableName } from './tables.ts'

/** What the sampler looks for in a sink's row: undefined cells are a fault of the sink. */
export interface SampledRow {
  readonly ver: number
  readonly body: string
}

/** A sink as its users see it, read from outside while the pipeline writes to it. */
export interface SinkReader {
  readonly name: string
  /** Rows of these keys as they are now, and of any other key that it learns about; null: there is no such row. */
  sample(table: TableName, keys: readonly number[]): Map<number, SampledRow | null>
  close(): void
}
