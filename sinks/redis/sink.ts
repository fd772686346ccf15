import type { Cursor, LogBatch, Sink, SinkContext, Table, WriteResult } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { generationOwner } from '../../runtime/generation.ts'
import { isRowChange } from '../../runtime/record/row-change.ts'
import { storeLastCursor } from '../common/last-cursor.ts'
import type { Address } from './address.ts'
import { Catalog, otherNames } from './catalog.ts'
import type { Connection } from './connection.ts'
import { CursorRow, type Owner } from './cursor-row.ts'
import { HashRows } from './hash-rows.ts'
import { JsonRows } from './json-rows.ts'
import type { KeyNames } from './key-names.ts'
import { survey, sweep } from './scan.ts'
import { type FormerRows, idOf, type RowOptions, TableRows } from './table-rows.ts'
import type { Transaction } from './transaction.ts'
import { sizesOf, valuesOf } from './values.ts'

/** Cursors of batches without changes are stored at most this often. */
const IDLE_CURSOR_MS = 1000
/** What rows to be completed may hold together; a batch with more is split. */
const FORMER_BYTES = 32 * 1024 * 1024

export interface RedisSinkParts {
  readonly address: Address
  /** As the server shows it in CLIENT LIST. */
  readonly connectionName: string
  readonly connection: Connection
  readonly context: SinkContext
  readonly source: { readonly name: string; readonly logId: string }
  readonly names: KeyNames
  readonly rows: RowOptions
  /** Of everything that decides which keys there are and what they hold; another one: built anew. */
  readonly layout: string
}

interface Taken {
  readonly row: CursorRow
  readonly catalog: Catalog
}

/** Takes over from whoever wrote before. Rows that no cursor vouches for are removed. */
export async function takeOver(parts: RedisSinkParts, signal: AbortSignal): Promise<Taken> {
  const { connection, context, source, names, layout } = parts
  const sink = generationOwner(context.name, context.generation)
  const owner: Owner = { pipeline: context.pipeline, sink, source: source.name }
  const others = await otherNames(connection, owner)
  const row = await CursorRow.take(connection, owner, source.logId, layout, signal)
  const catalog = new Catalog(row.former, names, others)
  if (row.cursor === undefined) {
    await sweep(connection, row, catalog.names, signal)
    const without = catalog.clear()
    await row.transact(undefined, transaction => row.begin(transaction, source.logId, layout, without), signal)
  }
  return { row, catalog }
}

/** Rows and cursor of one source, moved together: one MULTI a batch. */
export class RedisSink implements Sink {
  protected readonly parts: RedisSinkParts
  readonly #connection: Connection
  readonly #row: CursorRow
  readonly #catalog: Catalog
  /** By table id; null: the table has begun a later life, its rows are of no use. */
  readonly #tables = new Map<number, TableRows | null>()
  /** Up to here all is in the database, whatever its row says. */
  #applied: Cursor | undefined
  #storedAt = 0
  /** Whether the database may hold keys of tables that the catalog does not name. */
  readonly #isUncertain: boolean
  #surveyed: ReadonlySet<string> | 'too many' | undefined

  constructor(parts: RedisSinkParts, { row, catalog }: Taken) {
    this.parts = parts
    this.#connection = parts.connection
    this.#row = row
    this.#catalog = catalog
    this.#applied = row.cursor
    this.#isUncertain = row.cursor === undefined
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.#applied
  }

  /** In the database when it resolves without rejected rows. With any, the cursor has not moved. */
  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    signal.throwIfAborted()
    if (batch.count === 0 && Date.now() - this.#storedAt < IDLE_CURSOR_MS) {
      this.#applied = batch.cursor
      return { rejected: [] }
    }
    const former = await this.#prepare(batch, skip, signal)
    const rejected = await this.#row.transact(
      this.#vouched(batch),
      async transaction => {
        this.#row.set(transaction, this.#catalog.unsaved)
        await this.#gather(batch, skip, former, transaction)
      },
      signal,
    )
    if (rejected.length > 0) return { rejected }
    this.#catalog.saved()
    this.#applied = batch.cursor
    this.#storedAt = Date.now()
    return { rejected }
  }

  /**
   * The cursor that goes into the row together with the batch. In a MULTI the server refuses a hash command by itself
   * (WRONGTYPE) and runs the others; so with hashes the row tells of the batch before, until this one is known to be in.
   */
  #vouched(batch: LogBatch): Cursor | undefined {
    const { value, mode } = this.parts.rows
    return value === 'hash' && mode === 'set' && batch.count > 0 ? this.#applied : batch.cursor
  }

  /** Makes sure of every table in the batch, and reads what changes need to know of the rows before them. */
  async #prepare(
    batch: LogBatch,
    skip: ReadonlySet<number> | undefined,
    signal: AbortSignal,
  ): Promise<FormerRows | undefined> {
    let needed: Map<string, Buffer> | undefined
    let index = 0
    for (const change of batch) {
      if (skip?.has(index++) === true || change.kind === 'm') continue
      const rows = this.#tables.get(change.table.id) ?? (await this.#open(change.table, signal))
      if (change.kind === 't') await this.truncate(change.table, signal)
      else if (rows?.needs(change) === true) {
        needed ??= new Map()
        const key = rows.keyOf(change)
        needed.set(idOf(key), key)
      }
    }
    return needed === undefined ? undefined : this.#read([...needed.values()], batch, signal)
  }

  async #open(table: Table, signal: AbortSignal): Promise<TableRows | null> {
    if (this.#tables.has(table.id)) return null
    const { name, state } = this.#catalog.claim(table)
    if (state === 'reborn') {
      await sweep(this.#connection, this.#row, new Set([name]), signal)
      for (const [id, rows] of this.#tables) if (rows?.name === name && isEnded(rows, table)) this.#tables.set(id, null)
    }
    const rows = state === 'ended' ? null : tableRows(table, name, this.parts.rows)
    this.#tables.set(table.id, rows)
    return rows
  }

  async #read(keys: readonly Buffer[], batch: LogBatch, signal: AbortSignal): Promise<FormerRows> {
    const sizes = await sizesOf(this.#connection, keys, signal)
    if (batch.count > 1 && sizes.reduce((sum, size) => sum + size, 0) > FORMER_BYTES)
      throw new TailraceError('SINK_BATCH_TOO_LARGE', 'retry', 'The rows to be completed are too large together.')
    const former: FormerRows = new Map()
    for await (const group of valuesOf(this.#connection, 'GET', keys, signal))
      for (const { key, value } of group)
        former.set(idOf(key), value === null ? undefined : Buffer.isBuffer(value) ? value : Buffer.alloc(0))
    return former
  }

  async #gather(
    batch: LogBatch,
    skip: ReadonlySet<number> | undefined,
    former: FormerRows | undefined,
    transaction: Transaction,
  ): Promise<void> {
    let index = -1
    for (const change of batch) {
      index++
      if (skip?.has(index) === true || !isRowChange(change)) continue
      this.#tables.get(change.table.id)?.apply(change, index, transaction, former)
      if (transaction.isFull) await transaction.send()
    }
  }

  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    const name = this.parts.names.of(table)
    // Nothing to run: it is only refused if the row is not ours any more.
    await this.#row.transact(undefined, () => {}, signal)
    if (await this.#mayHold(name, signal)) await sweep(this.#connection, this.#row, new Set([name]), signal)
  }

  /** Whether it is worth walking over all keys. What others write in `mode: invalidate`, no catalog knows. */
  async #mayHold(name: string, signal: AbortSignal): Promise<boolean> {
    if (this.parts.rows.mode === 'invalidate' || this.#catalog.has(name)) return true
    if (!this.#isUncertain) return false
    this.#surveyed ??= (await survey(this.#connection, this.parts.names, signal)) ?? 'too many'
    return this.#surveyed === 'too many' || this.#surveyed.has(name)
  }

  /** What the table's keys begin with; undefined if there are none, or of another incarnation. */
  protected find(table: Table): string | undefined {
    return this.#catalog.find(table)
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#applied === undefined || this.#applied === this.#row.cursor) return
    await this.#row.transact(this.#applied, () => {}, signal)
    this.#storedAt = Date.now()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { connection, context } = this.parts
    if (!connection.isOpen) return
    await storeLastCursor(this, context)
    await connection[Symbol.asyncDispose]()
  }
}

function isEnded({ table }: TableRows, by: Table): boolean {
  return table.incarnation < by.incarnation
}

function tableRows(table: Table, name: string, options: RowOptions): TableRows {
  if (options.mode === 'invalidate') return new TableRows(table, name, options)
  return options.value === 'json' ? new JsonRows(table, name, options) : new HashRows(table, name, options)
}
