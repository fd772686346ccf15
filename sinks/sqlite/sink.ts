import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises'
import type {
  Cursor,
  LogBatch,
  LoggedChange,
  Sink,
  SinkContext,
  SinkRow,
  Table,
  WriteResult,
} from '../../runtime/contract.ts'
import { generationOwner } from '../../runtime/generation.ts'
import { Catalog, type CatalogOptions, type Owner } from './catalog.ts'
import { CursorRow } from './cursor-row.ts'
import { type Database, rowRefusal } from './database.ts'
import { TableReader } from './reader.ts'
import { RowCells } from './row-cells.ts'
import { deleteAllRows } from './search.ts'
import { TableWriter } from './table-writer.ts'

/** Cursors of batches without changes are stored at most this often. */
const IDLE_CURSOR_MS = 1000
/** A generation that is built leaves the file so long between two batches: those who wait for it look this often. */
const PAUSE_MS = 5
/** Tables whose statements are kept: each takes some 20 KB, and a hundred microseconds to make anew. */
const MOST_WRITERS = 500
/** Rows that are looked up before others get their turn. */
const STRIDE = 1000

interface Refused {
  readonly index: number
  readonly reason: string
}

/** Rows and cursor of one source, moved together: one transaction a batch. */
export class SqliteSink implements Sink {
  readonly #database: Database
  readonly #context: SinkContext
  readonly #logId: string
  readonly #catalog: Catalog
  readonly #cursorRow: CursorRow
  /** By table id, the last used behind all others; null: the table has begun a later life, its rows are of no use. */
  readonly #writers = new Map<number, TableWriter | null>()
  /** Id of the table used last. */
  #latest = 0
  /** By the table's name in the database: who may have rows that wait. */
  readonly #writing = new Map<string, TableWriter>()
  #pending: Cursor | undefined
  #storedAt = 0

  constructor(
    database: Database,
    context: SinkContext,
    source: { readonly name: string; readonly logId: string },
    options: CatalogOptions,
  ) {
    this.#database = database
    this.#context = context
    this.#logId = source.logId
    const sink = generationOwner(context.name, context.generation)
    const owner: Owner = { pipeline: context.pipeline, sink, source: source.name }
    this.#catalog = new Catalog(database, owner, options)
    this.#cursorRow = database.transaction(() => {
      const row = CursorRow.take(database, owner, source.logId, this.#catalog.isWhole)
      // Rows that no cursor vouches for, or of another log, would outlive the rebuilding.
      if (row.cursor === undefined) this.#catalog.dropAll()
      return row
    })
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.#pending ?? this.#cursorRow.cursor
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
    if (this.#store(batch, skip)) {
      if (this.#context.generation !== undefined) await setTimeout(PAUSE_MS)
      return { rejected: [] }
    }
    return { rejected: this.#findRefused(batch, skip) }
  }

  /** False if a row was refused, and then nothing is stored. */
  #store(batch: LogBatch, skip: ReadonlySet<number> | undefined): boolean {
    const isStored = this.#transaction(() => {
      this.#cursorRow.move(batch.cursor)
      const cells = new RowCells()
      let index = 0
      for (const change of batch) {
        if (skip?.has(index++) === true) continue
        if (this.#refusalOf(() => this.#apply(change, cells)) !== undefined) return false
      }
      return this.#refusalOf(() => this.#settle()) === undefined
    })
    if (isStored) this.#stored(batch.cursor)
    return isStored
  }

  /** Tries every row by itself, and stores none. */
  #findRefused(batch: LogBatch, skip: ReadonlySet<number> | undefined): Refused[] {
    const refused: Refused[] = []
    this.#transaction(() => {
      const cells = new RowCells()
      let index = 0
      for (const change of batch) {
        const place = index++
        if (skip?.has(place) === true) continue
        this.#database.exec('SAVEPOINT tailrace_row')
        const reason = this.#refusalOf(() => {
          this.#apply(change, cells)
          this.#settle()
        })
        if (reason !== undefined) {
          refused.push({ index: place, reason })
          this.#database.exec('ROLLBACK TO tailrace_row')
        }
        this.#database.exec('RELEASE tailrace_row')
      }
      return false
    })
    return refused
  }

  #apply(change: LoggedChange, cells: RowCells): void {
    const { kind } = change
    if (kind === 'm') return
    // A new version may have its table made anew: rows of the one before are written first.
    if (!this.#writers.has(change.table.id)) this.#settle()
    const writer = this.#writer(change.table)
    if (kind === 's' || writer === undefined) return
    const { layout } = writer
    const before = this.#writing.get(layout.name)
    if (before !== undefined && (before !== writer || kind === 't')) before.settle()
    this.#writing.set(layout.name, writer)
    if (kind === 't') deleteAllRows(this.#database, layout)
    else writer.apply(change, cells)
  }

  #settle(): void {
    for (const writer of this.#writing.values()) writer.settle()
    this.#writing.clear()
  }

  /** Why a row was refused; other errors are thrown. */
  #refusalOf(work: () => void): string | undefined {
    try {
      work()
      return undefined
    } catch (error) {
      const reason = rowRefusal(error)
      if (reason === undefined) throw error
      for (const writer of this.#writing.values()) writer.drop()
      return reason
    }
  }

  #writer(table: Table): TableWriter | undefined {
    let writer = this.#writers.get(table.id)
    if (writer !== undefined && table.id === this.#latest) return writer ?? undefined
    if (writer === undefined) {
      const layout = this.#catalog.ensure(table)
      // Writers of other versions of the table stay good: columns are only added. Of a rewritten one they do not.
      this.#forgetOthers(layout?.name)
      writer =
        layout === undefined
          ? null
          : new TableWriter(this.#database, table, layout, this.#logId, this.#context.onDelete)
      if (this.#writers.size >= MOST_WRITERS) this.#writers.delete(this.#writers.keys().next().value!)
    } else this.#writers.delete(table.id)
    this.#writers.set(table.id, writer)
    this.#latest = table.id
    return writer ?? undefined
  }

  #forgetOthers(name: string | undefined): void {
    for (const [id, writer] of this.#writers) if (writer?.layout.name === name) this.#writers.delete(id)
  }

  /** Tables made in a transaction that does not commit are gone, and with them what is known of them. */
  #transaction<T>(work: () => T): T {
    let answer: T | undefined
    try {
      answer = this.#database.transaction(work)
      return answer
    } finally {
      if (answer === undefined || answer === false) {
        this.#writers.clear()
        this.#writing.clear()
      }
    }
  }

  #stored(cursor: Cursor): void {
    this.#cursorRow.moved(cursor)
    this.#pending = undefined
    this.#storedAt = Date.now()
  }

  /** One that is not there is made by its first change. */
  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.#database.read(() => this.#catalog.has(table))) return
    this.#transaction(() => {
      this.#cursorRow.check()
      const writer = this.#writer(table)
      if (writer !== undefined) deleteAllRows(this.#database, writer.layout)
      return true
    })
  }

  async flush(): Promise<void> {
    const cursor = this.#pending
    if (cursor === undefined) return
    this.#transaction(() => {
      this.#cursorRow.move(cursor)
      return true
    })
    this.#stored(cursor)
  }

  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    signal.throwIfAborted()
    const reader = this.#reader(table)
    if (reader === undefined) return keys.map(() => undefined)
    const rows: (SinkRow | undefined)[] = []
    for (const row of reader.get(keys)) {
      rows.push(row)
      if (rows.length % STRIDE !== 0) continue
      await nextTurn()
      signal.throwIfAborted()
    }
    return rows
  }

  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    signal.throwIfAborted()
    for (const page of this.#reader(table)?.pages() ?? []) {
      yield page
      await nextTurn()
      signal.throwIfAborted()
    }
  }

  #reader(table: Table): TableReader | undefined {
    const layout = this.#database.read(() => this.#catalog.find(table))
    return layout === undefined ? undefined : new TableReader(this.#database, table, layout)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
  }
}
