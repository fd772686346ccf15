import { join } from 'node:path'
import type { Cursor, LogBatch, LoggedChange, Sink, SinkContext, Table, WriteResult } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import type { Names } from '../../runtime/naming.ts'
import { fileError, removeFolder, sync } from '../common/files.ts'
import type { CursorFile } from './cursor-file.ts'
import { Lines, type Marker } from './lines.ts'
import { TableFolder } from './table-folder.ts'

/** Files kept open between batches. */
const OPEN_FILES = 64
/** Cursors of batches without changes are stored at most this often. */
const IDLE_CURSOR_MS = 1000

export interface JsonlOptions {
  readonly path: string
  readonly fileBytes: number
  readonly names: Names
  readonly context: SinkContext
  readonly source: { readonly name: string; readonly logId: string }
}

/** What a batch brings to one table. */
interface Part {
  readonly folder: TableFolder
  readonly incarnation: number
  readonly lines: Lines
  dead: number
}

/**
 * Appends one source's changes. A batch goes to the files of its tables, they are synced, then the cursor file is
 * renamed: that rename is the commit. A crash before it leaves lines that the next opening cuts.
 */
export abstract class JsonlSink implements Sink {
  protected readonly context: SinkContext
  protected readonly cursorFile: CursorFile
  readonly #options: JsonlOptions
  readonly #folders = new Map<string, TableFolder>()
  #pending: Cursor | undefined
  /** The batch written last, as long as nothing was taken back since. */
  #written: Cursor | undefined
  #storedAt = 0
  /** Folders were made whose names may not be durable. */
  #hasNewFolders = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: JsonlOptions, cursorFile: CursorFile) {
    this.#options = options
    this.context = options.context
    this.cursorFile = cursorFile
  }

  /** Adds what the change is worth to the lines, and answers how many lines it makes useless. */
  protected abstract encode(change: LoggedChange, into: Lines): number

  /** After a commit, for each table it touched. */
  protected abstract settle(folder: TableFolder, signal: AbortSignal): Promise<void>

  /** Whether a new incarnation of a table begins with empty files. */
  protected abstract readonly forgetsFormerLives: boolean

  /** Takes up what an earlier session left: cuts what it did not commit, and forgets the rows of another log. */
  async prepare(): Promise<void> {
    const { cursorFile } = this
    const missing: string[] = []
    if (cursorFile.cursor !== undefined)
      for (const [name, { folder }] of cursorFile.tables)
        if (!(await this.#openFolder(name, folder)).exists) missing.push(folder)
    if (missing.length > 0) {
      const { logger, name } = this.context
      logger.warn({ sink: name, missing }, 'files of the sink are gone: it is built anew')
      await cursorFile.forget()
    }
    if (cursorFile.cursor !== undefined || cursorFile.tables.size === 0) return
    for (const { folder } of cursorFile.tables.values()) await removeFolder(join(this.#options.path, folder))
    this.#folders.clear()
    await cursorFile.forgetTables()
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.#pending ?? this.cursorFile.cursor
  }

  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    return this.exclusive(async () => {
      await this.#write(batch, signal, skip)
      return { rejected: [] }
    })
  }

  async #write(batch: LogBatch, signal: AbortSignal, skip: ReadonlySet<number> | undefined): Promise<void> {
    signal.throwIfAborted()
    if (batch.cursor === this.#written) return
    const parts = await this.#encodeBatch(batch, skip)
    if (parts.length === 0 && Date.now() - this.#storedAt < IDLE_CURSOR_MS) {
      this.#pending = batch.cursor
      return
    }
    await this.cursorFile.checkFence()
    await this.#storeTables()
    const number = this.cursorFile.batch + 1
    const markers = parts.map(part => this.#marker(part, number, batch.cursor))
    try {
      signal.throwIfAborted()
      await this.#append(parts, markers)
      signal.throwIfAborted()
    } catch (error) {
      await Promise.all(parts.map(part => part.folder.rollback()))
      throw error
    }
    crashPoint('jsonl.synced')
    await this.#commit(batch.cursor, number)
    this.#written = batch.cursor
    parts.forEach((part, i) => {
      part.folder.commit(markers[i]!)
    })
    for (const { lines } of parts) lines[Symbol.dispose]()
    for (const { folder } of parts) await this.settle(folder, signal)
    await this.#closeIdle()
  }

  async #encodeBatch(batch: LogBatch, skip: ReadonlySet<number> | undefined): Promise<Part[]> {
    const parts = new Map<TableFolder, Part>()
    let table: Table | undefined
    let part: Part | undefined
    let index = 0
    for (const change of batch) {
      if (skip?.has(index++) === true) continue
      // A table has no files before it has a line.
      if (change.kind === 's' && !this.cursorFile.tables.has(change.table.name)) continue
      if (part === undefined || change.table !== table) {
        table = change.table
        const folder = await this.#folderOf(table)
        part = parts.get(folder)
        if (part === undefined || (this.forgetsFormerLives && part.incarnation < table.incarnation)) {
          part?.lines[Symbol.dispose]()
          part = { folder, incarnation: table.incarnation, lines: new Lines(), dead: 0 }
          parts.set(folder, part)
        }
      }
      part.dead += this.encode(change, part.lines)
      const isKnown = this.cursorFile.tables.has(change.table.name)
      if (!isKnown && part.lines.count > 0) this.cursorFile.addTable(change.table, part.folder.name)
    }
    return [...parts.values()].filter(({ lines }) => lines.count > 0)
  }

  /** Some files at a time: a batch of many small tables would open more than a process may have. */
  async #append(parts: readonly Part[], markers: readonly Marker[]): Promise<void> {
    for (let from = 0; from < parts.length; from += OPEN_FILES) {
      const group = parts.slice(from, from + OPEN_FILES)
      await Promise.all(group.map(({ folder, lines }, i) => folder.append(lines.bytes, markers[from + i]!)))
      if (parts.length > OPEN_FILES) await Promise.all(group.map(({ folder }) => folder.close()))
    }
  }

  /** Durable on return: tables whose first lines come, and the names of their folders. */
  async #storeTables(): Promise<void> {
    await this.cursorFile.storeTables()
    if (this.#hasNewFolders) await sync(this.#options.path)
    this.#hasNewFolders = false
  }

  #marker(part: Part, batch: number, cursor: Cursor): Marker {
    const { lines, dead } = part.folder.counts
    return {
      batch,
      log: this.cursorFile.log,
      cursor,
      lines: lines + part.lines.count,
      dead: Math.min(dead + part.dead, lines + part.lines.count),
    }
  }

  async #commit(cursor: Cursor, number: number): Promise<void> {
    await this.cursorFile.move(cursor, number)
    this.#pending = undefined
    this.#storedAt = Date.now()
  }

  async truncate(table: Table, signal: AbortSignal): Promise<void> {
    return this.exclusive(async () => {
      signal.throwIfAborted()
      if (!this.cursorFile.tables.has(table.name)) return
      await this.cursorFile.checkFence()
      this.#written = undefined
      await this.#clear(await this.#folderOf(table))
      await this.cursorFile.storeTables()
    })
  }

  async #clear(folder: TableFolder): Promise<void> {
    await folder.replace(nothing(), () => ({ ...this.committed(), lines: 0, dead: 0 }))
  }

  /** The marker of the present state, without counts. */
  protected committed(): Pick<Marker, 'batch' | 'log' | 'cursor'> {
    const { batch, log, cursor } = this.cursorFile
    return { batch, log, cursor: cursor ?? '' }
  }

  async flush(): Promise<void> {
    return this.exclusive(async () => {
      const cursor = this.#pending
      if (cursor === undefined) return
      await this.cursorFile.checkFence()
      await this.#commit(cursor, this.cursorFile.batch + 1)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush()
    } finally {
      for (const folder of this.#folders.values()) await folder.close()
      this.#folders.clear()
      await this.cursorFile[Symbol.asyncDispose]()
    }
  }

  /** The folder that holds the table's lines; undefined if it never had one, or they are of another incarnation. */
  protected folderIfAny(table: Table): TableFolder | undefined {
    const isCurrent = this.cursorFile.tables.get(table.name)?.incarnation === table.incarnation
    return isCurrent ? this.#folders.get(table.name) : undefined
  }

  async #folderOf(table: Table): Promise<TableFolder> {
    const place = this.cursorFile.tables.get(table.name)
    const name = place?.folder ?? this.#options.names.of(table)
    const folder = await this.#openFolder(table.name, name)
    if (place === undefined || place.incarnation >= table.incarnation) return folder
    if (this.forgetsFormerLives) await this.#clear(folder)
    this.cursorFile.addTable(table, name)
    return folder
  }

  async #openFolder(table: string, name: string): Promise<TableFolder> {
    let folder = this.#folders.get(table)
    if (folder === undefined) {
      this.#options.names.claim(name, table)
      folder = await TableFolder.open(join(this.#options.path, name), this.#options.fileBytes, this.cursorFile)
      this.#hasNewFolders ||= !folder.exists
    } else this.#folders.delete(table)
    // Behind all others: the order of use.
    this.#folders.set(table, folder)
    return folder
  }

  async #closeIdle(): Promise<void> {
    const open = [...this.#folders.values()].filter(folder => folder.isOpen)
    for (const folder of open.slice(0, -OPEN_FILES)) await folder.close()
  }

  /** One at a time: what moves files and what reads them. */
  protected async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn
    const mine = (async () => {
      await before
      return work()
    })()
    this.#turn = mine.catch(() => {})
    return this.reading(() => mine)
  }

  /** Errors of the file system come as those of the sink. */
  protected async reading<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw fileError(error, this.#options.path)
    }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
