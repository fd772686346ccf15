import type { Cursor, LogBatch, Sink, SinkRow, Table, WriteResult } from '../../runtime/contract.ts'
import type { RowsSink } from '../duckdb-file/rows-sink.ts'
import type { DuckdbSink } from '../duckdb-file/sink.ts'
import type { Publisher } from './publisher.ts'

/** Writes to the store, where rows and cursor move in one transaction; sets are published beside. */
export class ParquetSink implements Sink {
  protected readonly publisher: Publisher
  readonly #store: DuckdbSink

  constructor(store: DuckdbSink, publisher: Publisher) {
    this.#store = store
    this.publisher = publisher
  }

  /** Durable in the store when it resolves. Throws why the last set could not be published. */
  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    await this.publisher.room(signal)
    const result = await this.#store.write(batch, signal, skip)
    const bytes = batch.slices.reduce((sum, { from, to }) => sum + to - from, 0)
    if (result.rejected.length === 0) this.publisher.wrote(batch.count, bytes)
    return result
  }

  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    await this.#store.truncate(table, signal)
  }

  cursor(): Promise<Cursor | undefined> {
    return this.#store.cursor()
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#store.flush(signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#store[Symbol.asyncDispose]()
  }
}

/** `mode: changes`. It is emptied only where it is built anew: the files of what it had are then no longer of its history. */
export class ChangesSink extends ParquetSink {
  override async truncate(table: Table, signal: AbortSignal): Promise<void> {
    await super.truncate(table, signal)
    await this.publisher.drop(table.source, name => name === table.name, signal)
  }
}

/** `mode: rows`. Read back from the store, which the sets are written from. */
export class CurrentRowsSink extends ParquetSink {
  readonly #rows: RowsSink

  constructor(store: RowsSink, publisher: Publisher) {
    super(store, publisher)
    this.#rows = store
  }

  get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<readonly (SinkRow | undefined)[]> {
    return this.#rows.get(table, keys, signal)
  }

  rows(table: Table, signal: AbortSignal): AsyncIterable<readonly SinkRow[]> {
    return this.#rows.rows(table, signal)
  }
}
