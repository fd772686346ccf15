import type { Cursor, LogBatch, ReadOptions, SourceLog, Table, TableFilter } from '../contract.ts'
import type { Shapes } from './shapes.ts'

/** What is read of a log, in the shape that a sink gets it in; its readers and cursors are the log's own. */
export class ShapedLog implements Pick<SourceLog, 'readers' | 'end' | 'compare' | 'read' | 'tables' | 'again'> {
  readonly again?: (table: Table, key: Uint8Array) => Promise<LogBatch | undefined>
  readonly #log: SourceLog
  readonly #shapes: Shapes

  private constructor(log: SourceLog, shapes: Shapes) {
    this.#log = log
    this.#shapes = shapes
    if (log.again !== undefined) this.again = (table, key) => this.#again(table, key)
  }

  /** Throws CONFIG_SHAPE. */
  static async open(log: SourceLog, shapes: Shapes): Promise<ShapedLog> {
    await shapes.meet(log.tables())
    return new ShapedLog(log, shapes)
  }

  get readers(): SourceLog['readers'] {
    return this.#log.readers
  }

  end(): Cursor | undefined {
    return this.#log.end()
  }

  compare(a: Cursor, b: Cursor): ReturnType<SourceLog['compare']> {
    return this.#log.compare(a, b)
  }

  tables(): ReadonlyMap<number, Table> {
    return this.#shapes.tables
  }

  /** As the log, and throws CONFIG_SHAPE and SCHEMA_CHANGED. */
  async *read(
    after: Cursor | 'start',
    filter: TableFilter,
    signal: AbortSignal,
    options?: ReadOptions,
  ): AsyncGenerator<LogBatch> {
    for await (const batch of this.#log.read(after, filter, signal, options)) {
      await this.#shapes.meet(batch.tables)
      yield this.#shapes.batch(batch)
    }
  }

  async #again(table: Table, key: Uint8Array): Promise<LogBatch | undefined> {
    const log = this.#log
    const batch = await log.again!(log.tables().get(table.id) ?? table, key)
    if (batch === undefined) return undefined
    await this.#shapes.meet(batch.tables)
    return this.#shapes.batch(batch)
  }
}
