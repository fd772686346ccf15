import type { DuckDBConnection, DuckDBDataChunk, DuckDBValue } from '@duckdb/node-api'
import { TailraceError } from '../../runtime/errors.ts'
import { databaseError } from './errors.ts'

type Rows = Iterable<readonly DuckDBValue[]>

/** A connection beside the writer, for one reading: it sees what is committed. The signal ends what it is at. */
export class Reader implements Disposable {
  readonly #connection: DuckDBConnection
  readonly #path: string
  readonly #signal: AbortSignal
  readonly #interrupt: () => void

  constructor(connection: DuckDBConnection, path: string, signal: AbortSignal) {
    this.#connection = connection
    this.#path = path
    this.#signal = signal
    this.#interrupt = () => connection.interrupt()
    signal.addEventListener('abort', this.#interrupt, { once: true })
  }

  /** From here on all queries see the same: what is committed when the first of them looks at the file. */
  async begin(): Promise<void> {
    await this.#connection.run('BEGIN TRANSACTION READ ONLY')
  }

  /** The rows of a query, all of them made before the first is answered. */
  async *query(sql: string): AsyncGenerator<Rows> {
    yield* this.#reading(async function* (connection) {
      for await (const chunk of await connection.run(sql)) yield chunk
    })
  }

  /** The rows of a query that has few. */
  async all(sql: string): Promise<(readonly DuckDBValue[])[]> {
    const found: (readonly DuckDBValue[])[] = []
    for await (const rows of this.query(sql)) found.push(...rows)
    return found
  }

  /**
   * The rows of a query, a vector's length at a time; `count` is the same as a query for how many there are. Throws
   * SINK_MEMORY if they were not all.
   */
  async *walk(sql: string, count: string): AsyncGenerator<Rows> {
    const path = this.#path
    const signal = this.#signal
    yield* this.#reading(async function* (connection) {
      await connection.run('BEGIN TRANSACTION READ ONLY')
      let left = Number((await connection.runAndReadAll(count)).getRows()[0]![0])
      for await (const chunk of await connection.stream(sql)) {
        left -= chunk.rowCount
        yield chunk
      }
      // A streamed query that fails or is interrupted ends like one that is done, without a word.
      signal.throwIfAborted()
      if (left !== 0)
        throw new TailraceError('SINK_MEMORY', 'retry', `Reading ${path} ended before all rows were read.`, {
          hint: 'Raise `memory` of the sink.',
        })
    })
  }

  async *#reading(chunks: (connection: DuckDBConnection) => AsyncGenerator<DuckDBDataChunk>): AsyncGenerator<Rows> {
    try {
      this.#signal.throwIfAborted()
      for await (const chunk of chunks(this.#connection)) {
        this.#signal.throwIfAborted()
        yield rowsOf(chunk)
      }
    } catch (error) {
      this.#signal.throwIfAborted()
      throw databaseError(error, this.#path)
    }
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#interrupt)
    this.#connection.closeSync()
  }
}

/** Each row is made as it is asked for, which must be before the next vector is. */
function* rowsOf(chunk: DuckDBDataChunk): Rows {
  for (let row = 0; row < chunk.rowCount; row++) yield chunk.getRowValues(row)
}
