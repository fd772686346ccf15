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
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { mergeRows } from '../../runtime/record/json-merge.ts'
import { isRowChange } from '../../runtime/record/row-change.ts'
import { storeLastCursor } from '../common/last-cursor.ts'
import { Bulk } from './bulk.ts'
import type { Catalog } from './catalog.ts'
import type { Client } from './client.ts'
import type { CursorRow } from './cursor-row.ts'
import { DELETED } from './mapping.ts'
import { writeAlias } from './names.ts'
import { allRows, documentsOf, rowsOf } from './reader.ts'
import { RowDocuments } from './row-document.ts'

/** Cursors of batches without changes are stored at most this often. */
const IDLE_CURSOR_MS = 1000
/** What rows to be completed may hold together; a batch with more is split. */
const FORMER_BYTES = 32 * 1024 * 1024

const MARK = Buffer.from(`{"${DELETED}":true}`)

export interface SinkParts {
  readonly client: Client
  readonly context: SinkContext
  readonly logId: string
  readonly row: CursorRow
  readonly catalog: Catalog
  readonly refresh: string
}

interface Claimed {
  readonly index: string
  readonly documents: RowDocuments
}

/** Documents that changes of a batch build on, by index and id; undefined: there is none. */
type Former = Map<string, Buffer | undefined>

/**
 * Rows of one source, a document each, which is only ever replaced by one of the same or a later version. The cursor
 * follows once they are durable; what a crash leaves between them is written again and changes nothing.
 */
export class ElasticsearchSink implements Sink {
  readonly #parts: SinkParts
  /** By table id; null: the table has begun a later life, its rows are of no use. */
  readonly #tables = new Map<number, Claimed | null>()
  /** Up to here all is in the indexes, whatever the row says. */
  #applied: Cursor | undefined
  #storedAt = 0

  constructor(parts: SinkParts) {
    this.#parts = parts
    this.#applied = parts.row.cursor
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.#applied
  }

  /** Durable when it resolves without rejected rows. With any the cursor has not moved, and the others are in. */
  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    signal.throwIfAborted()
    if (batch.count === 0 && Date.now() - this.#storedAt < IDLE_CURSOR_MS) {
      this.#applied = batch.cursor
      return { rejected: [] }
    }
    const { client, refresh, row } = this.#parts
    await row.check(signal)
    const former = await this.#prepare(batch, skip, signal)
    const bulk = new Bulk(client, refresh, signal)
    let index = -1
    for (const change of batch) {
      index++
      if (skip?.has(index) === true || !isRowChange(change)) continue
      this.#add(bulk, change, index, former)
      if (bulk.isFull) await bulk.send()
    }
    const rejected = await bulk.done()
    if (rejected.length > 0) return { rejected }
    crashPoint('elasticsearch.written')
    await row.move(batch.cursor, signal)
    this.#applied = batch.cursor
    this.#storedAt = Date.now()
    return { rejected }
  }

  /** Makes sure of every table in the batch, and reads what changes need to know of the rows before them. */
  async #prepare(batch: LogBatch, skip: ReadonlySet<number> | undefined, signal: AbortSignal): Promise<Former> {
    const needed = new Map<string, Set<string>>()
    let index = 0
    for (const change of batch) {
      if (skip?.has(index++) === true || change.kind === 'm') continue
      if (change.kind === 't') {
        await this.truncate(change.table, signal)
        continue
      }
      const claimed = await this.#claim(change.table, signal)
      if (claimed === null || !isRowChange(change) || !this.#buildsOn(change)) continue
      const ids = needed.get(claimed.index) ?? new Set()
      needed.set(claimed.index, ids.add(claimed.documents.idOf(change)))
    }
    const former: Former = new Map()
    for (const [of, ids] of needed) await this.#read(of, [...ids], former, batch, signal)
    return former
  }

  async #claim(table: Table, signal: AbortSignal): Promise<Claimed | null> {
    const known = this.#tables.get(table.id)
    if (known !== undefined) return known
    const index = await this.#parts.catalog.claim(table, signal)
    // What is known of former lives of the table points to an index that is gone.
    this.#forget(table.name)
    const claimed = index === undefined ? null : { index, documents: this.#documentsOf(table) }
    this.#tables.set(table.id, claimed)
    return claimed
  }

  #forget(name: string): void {
    for (const [id, claimed] of this.#tables) if (claimed?.documents.table.name === name) this.#tables.delete(id)
  }

  #documentsOf(table: Table): RowDocuments {
    const { logId, context } = this.#parts
    return new RowDocuments(table, logId, context.onDelete === 'mark')
  }

  #buildsOn({ kind, complete, moved }: LoggedChange): boolean {
    if (kind === 'd') return this.#parts.context.onDelete === 'mark' && moved === undefined
    return !complete
  }

  async #read(
    index: string,
    ids: readonly string[],
    former: Former,
    batch: LogBatch,
    signal: AbortSignal,
  ): Promise<void> {
    let bytes = 0
    for await (const group of documentsOf(this.#parts.client, index, ids, signal))
      for (const { id, source } of group) {
        const document = source === undefined ? undefined : Buffer.from(JSON.stringify(source))
        bytes += document?.length ?? 0
        if (batch.count > 1 && bytes > FORMER_BYTES)
          throw new TailraceError('SINK_BATCH_TOO_LARGE', 'retry', 'The rows to be completed are too large together.')
        former.set(`${index} ${id}`, document)
      }
  }

  #add(bulk: Bulk, change: LoggedChange, index: number, former: Former): void {
    const claimed = this.#tables.get(change.table.id)
    if (claimed === null || claimed === undefined) return
    const { documents } = claimed
    const alias = writeAlias(claimed.index)
    const id = documents.idOf(change)
    const place = `${claimed.index} ${id}`
    const { version } = change
    if (change.kind === 'd' && !this.#buildsOn(change)) {
      // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
      if (this.#parts.context.onDelete === 'ignore' && change.moved === undefined) return
      bulk.add(index, alias, id, version, undefined)
      if (former.has(place)) former.set(place, undefined)
      return
    }
    if (!former.has(place)) {
      bulk.add(index, alias, id, version, (into, at) => documents.write(change, into, at), documents.room(change))
      return
    }
    const document = merged(documents, change, former.get(place))
    if (document === undefined) return
    former.set(place, document)
    bulk.add(index, alias, id, version, (into, at) => copied(document, into, at), document.length + 1)
  }

  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    await this.#parts.catalog.empty(table, signal)
    this.#forget(table.name)
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#applied === undefined || this.#applied === this.#parts.row.cursor) return
    await this.#parts.row.move(this.#applied, signal)
    this.#storedAt = Date.now()
  }

  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    signal.throwIfAborted()
    const index = this.#parts.catalog.find(table)
    if (index === undefined) return keys.map(() => undefined)
    const documents = this.#documentsOf(table)
    return await rowsOf(
      this.#parts.client,
      index,
      documents,
      keys.map(key => documents.idOfKey(key)),
      signal,
    )
  }

  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    signal.throwIfAborted()
    const index = this.#parts.catalog.find(table)
    if (index !== undefined) yield* allRows(this.#parts.client, index, this.#documentsOf(table), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { client, context } = this.#parts
    await storeLastCursor(this, context)
    await client[Symbol.asyncDispose]()
  }
}

/** What a change makes of the document before it; undefined: nothing, as nothing was there. */
function merged(documents: RowDocuments, change: LoggedChange, before: Buffer | undefined): Buffer | undefined {
  if (change.kind === 'd') return before === undefined ? undefined : mergeRows(before, MARK)
  const row = documentOf(documents, change)
  if (change.complete || before === undefined || isMarked(before)) return row
  return mergeRows(before, row)
}

function isMarked(document: Buffer): boolean {
  return (JSON.parse(document.toString()) as Record<string, unknown>)[DELETED] === true
}

function documentOf(documents: RowDocuments, change: LoggedChange): Buffer {
  for (let size = documents.room(change); ; size *= 2) {
    const bytes = Buffer.allocUnsafe(size)
    const end = documents.write(change, bytes, 0)
    if (end !== -1) return bytes.subarray(0, end)
  }
}

function copied(document: Buffer, into: Buffer, at: number): number {
  if (at + document.length > into.length) return -1
  return at + document.copy(into, at)
}
