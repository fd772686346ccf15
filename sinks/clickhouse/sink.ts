import type { Cursor, LogBatch, LoggedChange, Sink, SinkContext, Table, WriteResult } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { isRowChange } from '../../runtime/record/row-change.ts'
import { storeLastCursor } from '../common/last-cursor.ts'
import type { Catalog, Held } from './catalog.ts'
import type { Client } from './client.ts'
import type { CursorRow } from './cursor-row.ts'
import { type Encoded, Encoder, type Group } from './encoder.ts'
import { Former } from './former.ts'
import { KeyBytes } from './keys.ts'
import type { LayoutOptions } from './layout.ts'
import { sqlName } from './names.ts'
import { keyForms } from './reader.ts'
import { SpareMemory } from './spare-memory.ts'
import { INSERTING, quote } from './sql.ts'
import { type VersionRange, WrittenVersions } from './written-versions.ts'

/** Cursors of batches without changes are stored at most this often. */
const IDLE_CURSOR_MS = 1000
/** While each batch is there before the last one is written, the row is looked at and moved at most this often. */
const RUN_MS = 250
/** Rows of larger batches are not made ahead: two would be in memory. */
const EARLY_BYTES = 16 * 1024 * 1024
/** Batches that are not made ahead behind one that was in vain. */
const REST = 16
const never = new AbortController().signal

export interface SinkParts {
  readonly client: Client
  readonly context: SinkContext
  readonly logId: string
  readonly row: CursorRow
  readonly catalog: Catalog
  readonly options: LayoutOptions
}

/** What a batch needs to know before its rows are made. */
interface Needs {
  /** Keys of rows that changes build on, by table in the target. */
  readonly keys: Map<string, { readonly held: Held; readonly keys: Map<string, Buffer> }>
  /** Of rows told apart by their versions. */
  readonly versions: Map<string, VersionRange>
}

/** The rows of a batch, and the versions of those that are told apart by them. */
interface Rows extends Encoded {
  readonly versions: readonly VersionRange[]
}

/**
 * Rows of one source. The cursor follows once they are on disk; what a crash leaves between them is written again with
 * the same versions, and changes nothing.
 */
export class ClickhouseSink implements Sink {
  protected readonly parts: SinkParts
  /** By table id; null: the table has begun a later life, its rows are of no use. */
  readonly #tables = new Map<number, { readonly table: Table; readonly held: Held | null }>()
  readonly #written: WrittenVersions
  readonly #memory = new SpareMemory()
  /** Up to here all is in the tables, whatever the row says. */
  #applied: Cursor | undefined
  #storedAt = 0
  #checkedAt = Number.NEGATIVE_INFINITY
  /** Another batch follows the one that is being written. */
  #isFollowed = false
  /** The batch that comes next most likely, with all its rows; undefined: they could not be made. */
  #early: { readonly batch: LogBatch; readonly encoded: Promise<Encoded | undefined> } | undefined
  #rest = 0

  constructor(parts: SinkParts) {
    this.parts = parts
    this.#applied = parts.row.cursor
    this.#written = new WrittenVersions(parts.client, parts.logId)
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.#applied
  }

  /** Durable when it resolves without rejected rows. With any, nothing of the batch was stored, nor has the cursor moved. */
  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    signal.throwIfAborted()
    if (batch.count === 0 && Date.now() - this.#storedAt < IDLE_CURSOR_MS) {
      this.#applied = batch.cursor
      return { rejected: [] }
    }
    const { row } = this.parts
    const isOfRun = this.#isFollowed
    this.#isFollowed = false
    // Made ready while the row is looked at.
    const checked = this.#check(isOfRun, signal)
    checked.catch(() => {})
    const { groups, rejected, versions } =
      (await this.#takeEarly(batch, skip)) ?? (await this.#encode(batch, skip, signal))
    await checked
    if (rejected.length > 0) return { rejected }
    await this.#insert(groups, signal)
    for (const range of versions) this.#written.add(range)
    crashPoint('clickhouse.written')
    this.#applied = batch.cursor
    // What a crash leaves between them comes again.
    if (this.#isFollowed && Date.now() - this.#storedAt < RUN_MS) return { rejected: [] }
    await row.move(batch.cursor, signal)
    this.#storedAt = Date.now()
    return { rejected: [] }
  }

  async #check(isOfRun: boolean, signal: AbortSignal): Promise<void> {
    const now = performance.now()
    if (isOfRun && now - this.#checkedAt < RUN_MS) return
    await this.parts.row.check(signal)
    this.#checkedAt = now
  }

  async #encode(batch: LogBatch, skip: ReadonlySet<number> | undefined, signal: AbortSignal): Promise<Rows> {
    const needs = await this.#prepare(batch, skip, signal)
    const versions = [...needs.versions.values()]
    const former = await this.#readFormer(needs, batch, signal)
    for (const range of versions) await this.#written.load(range, signal)
    const encoder = this.#encoder(former)
    return { ...(await encoder.encode(batch, skip, this.#heldOf, signal)), versions }
  }

  #encoder(former: Former): Encoder {
    const { options, logId, context } = this.parts
    const isWritten = (held: Held, version: bigint): boolean => this.#written.has(held, version)
    return new Encoder({ ...options, logId, onDelete: context.onDelete }, former, isWritten, this.#memory)
  }

  readonly #heldOf = (table: Table): Held | undefined => this.#tables.get(table.id)?.held ?? undefined

  /** Makes the rows of a batch that needs to know nothing, while the one before it is on its way. */
  ahead(batch: LogBatch): void {
    this.#isFollowed = true
    this.#early = undefined
    if (this.#rest > 0) this.#rest--
    else if (this.#isPlain(batch)) {
      const encoded = this.#encoder(new Former()).encode(batch, undefined, this.#heldOf, never)
      this.#early = { batch, encoded: encoded.catch(() => undefined) }
    }
  }

  /** Of whole rows and deletes with a key, of tables that are known, and not too large. */
  #isPlain(batch: LogBatch): boolean {
    let bytes = 0
    for (const change of batch) {
      bytes += change.cells.length
      const isPlain = isRowChange(change) && !this.#buildsOn(change) && bytes <= EARLY_BYTES
      if (!isPlain || (this.#heldOf(change.table)?.layout.key.length ?? 0) === 0) return false
    }
    return true
  }

  /** Undefined where the rows are to be made now: some are left out, or a table is another one than it was. */
  async #takeEarly(batch: LogBatch, skip: ReadonlySet<number> | undefined): Promise<Rows | undefined> {
    const early = this.#early
    this.#early = undefined
    if (early?.batch !== batch) return undefined
    if (skip !== undefined && skip.size > 0) {
      this.#rest = REST
      return undefined
    }
    const encoded = await early.encoded
    const now = new Set([...this.#tables.values()].map(({ held }) => held))
    return encoded?.groups.every(({ held }) => now.has(held)) === true ? { ...encoded, versions: [] } : undefined
  }

  /** All at once; none is on its way any more when it returns or throws. */
  async #insert(groups: readonly Group[], signal: AbortSignal): Promise<void> {
    const sent = groups.map(({ held, names, rows }) => {
      const columns = names.map(quote).join(', ')
      const sql = `INSERT INTO ${sqlName(held.at)} (${columns}) ${INSERTING} FORMAT RowBinary`
      return this.parts.client.insert(sql, rows.bytes, signal)
    })
    const failed = (await Promise.allSettled(sent)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
    for (const { rows } of groups) this.#memory.give(rows.memory)
  }

  /** Makes sure of every table in the batch. */
  async #prepare(batch: LogBatch, skip: ReadonlySet<number> | undefined, signal: AbortSignal): Promise<Needs> {
    const needs: Needs = { keys: new Map(), versions: new Map() }
    const { history } = this.parts.options
    let keyed: { readonly id: number; readonly bytes: KeyBytes } | undefined
    let index = 0
    for (const change of batch) {
      if (skip?.has(index++) === true || change.kind === 'm') continue
      if (change.kind === 't' && !history) {
        await this.truncate(change.table, signal)
        continue
      }
      const held = await this.#claim(change.table, signal)
      if (held === null || change.kind === 's') continue
      const name = sqlName(held.at)
      if (held.layout.key.length === 0) {
        const { version } = change
        const { first, last } = needs.versions.get(name) ?? { first: version, last: version }
        needs.versions.set(name, {
          held,
          first: version < first ? version : first,
          last: version > last ? version : last,
        })
      } else if (this.#buildsOn(change)) {
        if (keyed?.id !== change.table.id) keyed = { id: change.table.id, bytes: new KeyBytes(keyForms(held)) }
        const key = keyed.bytes.of(change.key)
        const of = needs.keys.get(name) ?? { held, keys: new Map<string, Buffer>() }
        if (key !== undefined) needs.keys.set(name, of).get(name)!.keys.set(key.toString('latin1'), key)
      }
    }
    return needs
  }

  #buildsOn(change: LoggedChange): boolean {
    if (!isRowChange(change)) return false
    if (change.kind === 'd') return this.parts.options.marks && change.moved === undefined
    return !change.complete
  }

  async #readFormer({ keys }: Needs, batch: LogBatch, signal: AbortSignal): Promise<Former> {
    const former = new Former()
    const { client, options } = this.parts
    for (const { held, keys: wanted } of keys.values()) {
      // Columns may have been added since.
      const now = [...this.#tables.values()].find(of => of.held !== null && sqlName(of.held.at) === sqlName(held.at))
      await former.read(client, now?.held ?? held, [...wanted.values()], options, batch, signal)
    }
    return former
  }

  async #claim(table: Table, signal: AbortSignal): Promise<Held | null> {
    const known = this.#tables.get(table.id)
    if (known !== undefined) return known.held
    const held = (await this.parts.catalog.claim(table, signal)) ?? null
    this.#learn(table, held)
    return held
  }

  /** What is known of other versions of the table may be of a former life, or lack columns. */
  #learn(table: Table, held: Held | null): void {
    this.#tables.set(table.id, { table, held })
    for (const [id, of] of this.#tables) {
      if (of.table.name !== table.name || id === table.id || held === null) continue
      const isSame = of.table.incarnation === table.incarnation
      this.#tables.set(id, { table: of.table, held: isSame ? held : null })
    }
  }

  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    await this.parts.catalog.empty(table, signal)
    this.#written.forget()
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#applied === undefined || this.#applied === this.parts.row.cursor) return
    await this.parts.row.move(this.#applied, signal)
    this.#storedAt = Date.now()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await storeLastCursor(this, this.parts.context)
    await this.parts.client[Symbol.asyncDispose]()
  }
}
