import type { Cursor, LogBatch, Sink, SinkContext, Table, WriteResult } from '../../runtime/contract.ts'
import { generationOwner } from '../../runtime/generation.ts'
import { LARGE_BYTES } from '../../runtime/large-memory.ts'
import { Catalog, type CatalogOptions } from './catalog.ts'
import { CursorRow } from './cursor-row.ts'
import { CATALOG, type Database, quote, VACUUMED_ROWS } from './database.ts'
import { type Encoded, Encoder } from './encoder.ts'
import { createTable, type Layout, Own, ownColumns, tableName } from './layout.ts'
import type { Owner } from './owner.ts'
import type { RowGroup } from './row-set.ts'
import { addRows, appendRows, clearRows, markRows, patchRows, putRows, removeRows, replaceRows } from './statements.ts'

/** Cursors of batches without changes are stored at most this often. */
const IDLE_CURSOR_MS = 1000

export interface DuckdbOptions extends CatalogOptions {
  readonly context: SinkContext
  readonly source: { readonly name: string; readonly logId: string }
  /** Told in each transaction of the tables that it changes, and may add to it. */
  readonly onChange: (tables: readonly Table[]) => Promise<void> | void
}

/** What a sink stands on once it has taken over from whoever wrote before. */
export interface Place {
  readonly database: Database
  readonly catalog: Catalog
  readonly cursorRow: CursorRow
}

/** Takes the cursor over, and drops rows that none vouches for. */
export async function takePlace(database: Database, options: DuckdbOptions, signal: AbortSignal): Promise<Place> {
  const { context, source } = options
  const sink = generationOwner(context.name, context.generation)
  const owner: Owner = { pipeline: context.pipeline, sink, source: source.name }
  const catalog = new Catalog(database, owner, options)
  const cursorRow = await database.transaction(async () => {
    const row = await CursorRow.take(database, owner, source.logId, await catalog.isWhole())
    // Rows that no cursor vouches for, or of another log, would outlive the rebuilding.
    if (row.cursor === undefined) await catalog.dropAll()
    return row
  }, signal)
  return { database, catalog, cursorRow }
}

/** Rows and cursor of one source, moved together: one transaction a batch. */
export class DuckdbSink implements Sink {
  protected readonly database: Database
  protected readonly options: DuckdbOptions
  readonly #catalog: Catalog
  readonly #cursorRow: CursorRow
  readonly #encoder: Encoder
  /** By table id; null: the table has begun a later life, its rows are of no use. */
  readonly #layouts = new Map<number, Layout | null>()
  readonly #tables = new Map<number, Table>()
  /** By table: the last version of this log that its rows hold. */
  readonly #versions = new Map<string, bigint>()
  #pending: Cursor | undefined
  #storedAt = 0

  constructor({ database, catalog, cursorRow }: Place, options: DuckdbOptions) {
    const { context, source } = options
    this.database = database
    this.options = options
    this.#catalog = catalog
    this.#cursorRow = cursorRow
    this.#encoder = new Encoder({ ...options, logId: source.logId, onDelete: context.onDelete })
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
    const encoded = await this.#encoder.encode(batch, skip, signal)
    if (encoded.rejected.length > 0) return { rejected: encoded.rejected }
    const apply = async (): Promise<void> => {
      await this.#cursorRow.move(batch.cursor)
      await this.#apply(encoded, signal)
      if (batch.count > 0) await this.options.onChange(tablesOf(encoded))
    }
    await this.#transaction(apply, signal, encoded.groups.some(isLarge))
    this.#stored(batch.cursor)
    return { rejected: [] }
  }

  async #apply({ tables, truncated, groups }: Encoded, signal: AbortSignal): Promise<void> {
    for (const table of truncated) await this.#empty(table)
    for (const group of groups) {
      signal.throwIfAborted()
      const layout = await this.#layout(group.table)
      if (layout !== undefined) await this.#run(layout, group)
    }
    for (const table of tables) await this.#layout(table)
  }

  async #run(layout: Layout, group: RowGroup): Promise<void> {
    const { database } = this
    const { kind, rows } = group
    const isNew = kind === 'append' && (await this.#isNew(layout, group))
    const own = ownColumns(false, this.options)
    if (kind === 'put' && isLarge(group)) return this.#putLarge(layout, group)
    await database.feed.run(rows, from => {
      if (kind === 'put') return database.run(putRows(layout, group, from))
      if (kind === 'patch') return database.run(patchRows(layout, group, from))
      if (kind === 'append') return database.run(appendRows(layout, group, own, from, isNew))
      return database.run(this.options.marks ? markRows(layout, from) : removeRows(layout, from))
    })
  }

  /**
   * By two statements, each of which copies the values less often than the one that does both. Least often where former
   * rows are deleted; of a table that is not rid of them they are changed in place, so that the file does not grow.
   */
  async #putLarge(layout: Layout, group: RowGroup): Promise<void> {
    const { database } = this
    const { rows } = group
    const run = (statement: (from: string) => string): Promise<number> =>
      database.feed.run(rows, from => database.run(statement(from)))
    const isDeleting = hasAllColumns(layout, group) && (await this.#isVacuumed(layout))
    const replaced = await run(from => (isDeleting ? clearRows(layout, group, from) : replaceRows(layout, group, from)))
    await database.release()
    if (replaced === rows.rows && !isDeleting) return
    await run(from => addRows(layout, group, from, isDeleting || replaced === 0))
    await database.release()
  }

  async #isVacuumed({ schema, table }: Layout): Promise<boolean> {
    const [row] = await this.database.query(
      `SELECT estimated_size AS rows FROM duckdb_tables()
       WHERE database_name = '${CATALOG}' AND schema_name = $1 AND table_name = $2`,
      [schema, table],
    )
    return Number(row?.rows) <= VACUUMED_ROWS
  }

  /** Whether no row of the group can be there yet. */
  async #isNew(layout: Layout, { versions }: RowGroup): Promise<boolean> {
    const name = tableName(layout)
    let last = this.#versions.get(name)
    if (last === undefined) {
      const [row] = await this.database.query(
        `SELECT max(${quote(Own.version)}) AS last FROM ${name} WHERE ${quote(Own.log)} = $1`,
        [this.options.source.logId],
      )
      last = (row?.last as bigint | null | undefined) ?? -1n
    }
    const { first, last: newest } = versions!
    if (newest > last) this.#versions.set(name, newest)
    return first > last
  }

  async #layout(table: Table): Promise<Layout | undefined> {
    let layout = this.#layouts.get(table.id)
    if (layout === undefined) {
      layout = (await this.#catalog.ensure(table)) ?? null
      // What is known of other versions may have been of a former life.
      for (const [id, { name }] of this.#tables) if (name === table.name) this.#layouts.delete(id)
      this.#layouts.set(table.id, layout)
      this.#tables.set(table.id, table)
    }
    return layout ?? undefined
  }

  /** In a transaction. */
  async #empty(table: Table): Promise<void> {
    const layout = await this.#catalog.ensure(table)
    if (layout === undefined) return
    this.#versions.delete(tableName(layout))
    // Deleting row by row would cost what writing them did.
    await this.database.run(createTable(layout))
  }

  /** How the table stands; undefined if there is none, or of another incarnation. */
  protected find(table: Table): Promise<Layout | undefined> {
    return this.database.exclusive(() => this.#catalog.find(table))
  }

  /** Tables made in a transaction that does not commit are gone, and with them what is known of them. */
  async #transaction<T>(work: () => Promise<T>, signal: AbortSignal, large = false): Promise<T> {
    try {
      return await this.database.transaction(work, signal, large)
    } catch (error) {
      this.#layouts.clear()
      this.#versions.clear()
      throw error
    }
  }

  #stored(cursor: Cursor): void {
    this.#cursorRow.moved(cursor)
    this.#pending = undefined
    this.#storedAt = Date.now()
  }

  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    await this.#transaction(async () => {
      await this.#cursorRow.check()
      await this.#empty(table)
      await this.options.onChange([table])
    }, signal)
  }

  async flush(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const cursor = this.#pending
    if (cursor === undefined) return
    await this.#transaction(() => this.#cursorRow.move(cursor), signal)
    this.#stored(cursor)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
  }
}

function tablesOf({ tables, truncated, groups }: Encoded): readonly Table[] {
  return [...tables, ...truncated, ...groups.map(({ table }) => table)]
}

/** Columns that the source no longer has keep what they hold. */
function hasAllColumns({ columns }: Layout, { table }: RowGroup): boolean {
  return columns.every(({ source }) => source === undefined || table.columns.some(({ name }) => name === source))
}

/** The memory that its statement takes is worth asking for back. */
function isLarge({ rows }: RowGroup): boolean {
  return rows.largeBytes >= LARGE_BYTES
}
