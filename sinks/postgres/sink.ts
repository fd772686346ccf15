import { sleep } from '../../runtime/abort.ts'
import type { Cursor, LogBatch, Sink, SinkContext, SinkRow, Table, WriteResult } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import type { TailraceError } from '../../runtime/errors.ts'
import type { ServerAddress } from '../../runtime/server-address.ts'
import { storeLastCursor } from '../common/last-cursor.ts'
import type { Catalog } from './catalog.ts'
import { Connection } from './connection.ts'
import { type CursorRow, fenced } from './cursor-row.ts'
import { Readers } from './readers.ts'
import { RejectedRows } from './rejects.ts'
import { type Grouped, groupsOf } from './row-groups.ts'
import { databaseError, isRowFault } from './server-error.ts'
import { rowsByKeys, walkRows } from './table-rows.ts'
import { Writer } from './writer.ts'

/** Cursors of batches without changes are stored at most this often. */
const IDLE_CURSOR_MS = 1000
/** How long, and how often, it is looked whether another one writes now. */
const LOOK_MS = 1500
const LOOK_EVERY_MS = 100

export interface SinkParts {
  readonly address: ServerAddress
  readonly context: SinkContext
  readonly logId: string
  /** Of the writer, which has the owner's lock. */
  readonly connection: Connection
  readonly row: CursorRow
  readonly catalog: Catalog
}

/**
 * Rows and cursor of one source, moved together: one transaction a batch, on the server's disk when `write` resolves. A
 * crash leaves the batch undone or done.
 */
export class PostgresSink implements Sink {
  readonly #parts: SinkParts
  readonly #writer: Writer
  readonly #readers: Readers
  #pending: Cursor | undefined
  #storedAt = 0

  constructor(parts: SinkParts) {
    const { connection, catalog, logId, address, context } = parts
    this.#parts = parts
    this.#writer = new Writer(connection, catalog, logId)
    this.#readers = new Readers(address, `tailrace ${context.pipeline} ${context.name} reader`)
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.#pending ?? this.#parts.row.cursor
  }

  /**
   * Committed when it resolves without rejected rows. With any, nothing of the batch was stored, nor the cursor moved:
   * the batch is to come again with those in `skip`.
   */
  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    signal.throwIfAborted()
    if (batch.count === 0 && Date.now() - this.#storedAt < IDLE_CURSOR_MS) {
      this.#pending = batch.cursor
      return { rejected: [] }
    }
    const grouped = groupsOf(batch, skip, this.#parts.context.onDelete)
    let result: WriteResult = { rejected: [] }
    try {
      await this.#commit(batch.cursor, () => this.#writer.apply(grouped, signal), signal)
    } catch (error) {
      if (!isRowFault(error)) throw await this.#meaning(error, signal)
      result = await this.#search(batch.cursor, grouped, signal)
    }
    if (result.rejected.length === 0) this.#stored(batch.cursor)
    return result
  }

  /** Applies the batch as far as it goes, and commits it if that is all of it. */
  async #search(cursor: Cursor, grouped: Grouped, signal: AbortSignal): Promise<WriteResult> {
    const { connection, logId } = this.#parts
    const rows = new RejectedRows(connection, this.#writer.rowsByKey, logId)
    const work = async (): Promise<void> => {
      await this.#writer.apply(grouped, signal, rows.search)
      if (rows.found.length > 0) throw rows
    }
    try {
      await this.#commit(cursor, work, signal)
    } catch (error) {
      if (error !== rows) throw await this.#meaning(error, signal)
    }
    return rows.result
  }

  /** The cursor's row is taken first: whoever else would write waits for it. */
  async #commit(cursor: Cursor, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { row } = this.#parts
    await this.#transaction(async () => {
      await row.move(cursor)
      await work()
      crashPoint('postgres.applied')
    }, signal)
  }

  async #transaction(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.connection.transaction(work, signal)
    } catch (error) {
      this.#writer.forget()
      throw error
    }
  }

  #stored(cursor: Cursor): void {
    this.#parts.row.moved(cursor)
    this.#pending = undefined
    this.#storedAt = Date.now()
  }

  /**
   * A session that was ended may have been ended by another opening, which is to stop this one for good: opened again it
   * would end that one in its turn. The other raises the epoch in a moment.
   */
  async #meaning(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) return error
    const { address, connection, row } = this.#parts
    const meant: TailraceError = databaseError(error, connection.server)
    if (meant.code !== 'SINK_UNREACHABLE') return meant
    const until = Date.now() + LOOK_MS
    try {
      using look = await Connection.open(address, 'tailrace', signal)
      return await look.within(signal, async () => {
        for (;;) {
          if (await row.isTaken(look)) return fenced(connection.server)
          if (Date.now() > until) return meant
          await sleep(LOOK_EVERY_MS, signal)
        }
      })
    } catch {
      signal.throwIfAborted()
      return meant
    }
  }

  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    const { row } = this.#parts
    try {
      await this.#transaction(async () => {
        await row.check()
        await this.#writer.empty(table)
      }, signal)
    } catch (error) {
      throw await this.#meaning(error, signal)
    }
  }

  async flush(signal: AbortSignal): Promise<void> {
    const cursor = this.#pending
    if (cursor === undefined) return
    try {
      await this.#transaction(() => this.#parts.row.move(cursor), signal)
    } catch (error) {
      throw await this.#meaning(error, signal)
    }
    this.#stored(cursor)
  }

  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    return await this.#readers.use(signal, async connection => {
      const layout = keys.length === 0 ? undefined : await this.#parts.catalog.find(table, connection)
      return layout === undefined ? keys.map(() => undefined) : await rowsByKeys(connection, layout, table, keys)
    })
  }

  /** Page by page, each as of when it is asked for; no transaction is open between two. */
  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    const layout = await this.#readers.use(signal, connection => this.#parts.catalog.find(table, connection))
    if (layout !== undefined) yield* walkRows(this.#readers, layout, table, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { connection, context } = this.#parts
    this.#readers[Symbol.dispose]()
    if (connection.isOpen) await storeLastCursor(this, context)
    connection[Symbol.dispose]()
  }
}
