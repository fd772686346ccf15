import type { BigIntStats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cursor, SinkContext, Table } from '../../runtime/contract.ts'
import { errorCode, TailraceError } from '../../runtime/errors.ts'
import { readJson, replaceFile, replaceOpen } from '../common/files.ts'

/** `_cursor-<source>.json`: what the folder holds of a source. Its rename is the commit of a batch. */
export interface Stored {
  readonly pipeline: string
  readonly sink: string
  readonly source: string
  /** Id of the log that the cursor belongs to. */
  readonly log: string
  readonly cursor: Cursor | null
  /** Raised by each opening: a writer that finds a higher one has been replaced. */
  readonly epoch: number
  /** Number of the last batch whose lines count. */
  readonly batch: number
}

/** Where a table's lines are, and which of the table's lives they tell. */
export interface TablePlace {
  readonly folder: string
  readonly incarnation: number
}

/** What a folder holds of a source if it belongs to this sink, without taking it over. */
export async function readOwn(
  path: string,
  context: SinkContext,
  source: string,
): Promise<{ stored: Stored; tables: Readonly<Record<string, TablePlace>> } | undefined> {
  const stored = (await readJson(cursorPath(path, source))) as Stored | undefined
  if (stored?.pipeline !== context.pipeline || stored.sink !== context.name) return undefined
  return { stored, tables: ((await readJson(tablesPath(path, source))) ?? {}) as Record<string, TablePlace> }
}

export function cursorPath(path: string, source: string): string {
  return join(path, `_cursor-${source}.json`)
}

export function tablesPath(path: string, source: string): string {
  return join(path, `_tables-${source}.json`)
}

/** The sink's own two files for one source: its cursor, and its list of tables. */
export class CursorFile implements AsyncDisposable {
  readonly #folder: FileHandle
  readonly #path: string
  readonly #tablesPath: string
  readonly #tables: Map<string, TablePlace>
  #stored: Stored
  /** The cursor file as we wrote it, open: nobody else's is given its inode. */
  #file: FileHandle | undefined
  #written: BigIntStats | undefined
  /** Tables were added that the file does not have yet. */
  #hasNews = false

  private constructor(
    folder: FileHandle,
    path: string,
    tablesPath: string,
    stored: Stored,
    tables: Map<string, TablePlace>,
  ) {
    this.#folder = folder
    this.#path = path
    this.#tablesPath = tablesPath
    this.#stored = stored
    this.#tables = tables
  }

  /**
   * Takes the source's part of the folder over: a writer that opened it before is fenced off. Throws TARGET_TAKEN if
   * it belongs to another pipeline or sink.
   */
  static async open(path: string, context: SinkContext, source: { name: string; logId: string }): Promise<CursorFile> {
    const ownPath = cursorPath(path, source.name)
    const listPath = tablesPath(path, source.name)
    const before = (await readJson(ownPath)) as Stored | undefined
    if (before !== undefined && (before.pipeline !== context.pipeline || before.sink !== context.name))
      throw new TailraceError(
        'TARGET_TAKEN',
        'stop',
        `${path} belongs to the sink "${before.sink}" of the pipeline "${before.pipeline}".`,
        { hint: 'Give each sink a `path` of its own.' },
      )
    const tables = (await readJson(listPath)) as Record<string, TablePlace> | undefined
    const stored: Stored = {
      pipeline: context.pipeline,
      sink: context.name,
      source: source.name,
      log: source.logId,
      cursor: before?.log === source.logId ? before.cursor : null,
      epoch: (before?.epoch ?? 0) + 1,
      batch: before?.batch ?? 0,
    }
    const folder = await open(path, 'r')
    const file = new CursorFile(folder, ownPath, listPath, stored, new Map(Object.entries(tables ?? {})))
    try {
      await file.#store(stored)
      return file
    } catch (error) {
      await file[Symbol.asyncDispose]()
      throw error
    }
  }

  get cursor(): Cursor | undefined {
    return this.#stored.cursor ?? undefined
  }

  get batch(): number {
    return this.#stored.batch
  }

  get log(): string {
    return this.#stored.log
  }

  get tables(): ReadonlyMap<string, TablePlace> {
    return this.#tables
  }

  /** `storeTables` is to follow before the table's first line is written. */
  addTable(table: Table, folder: string): void {
    this.#tables.set(table.name, { folder, incarnation: table.incarnation })
    this.#hasNews = true
  }

  /** Durable on return: the tables that were added. */
  async storeTables(): Promise<void> {
    if (!this.#hasNews) return
    await replaceFile(this.#tablesPath, JSON.stringify(Object.fromEntries(this.#tables)))
    this.#hasNews = false
  }

  async forgetTables(): Promise<void> {
    this.#tables.clear()
    this.#hasNews = false
    await replaceFile(this.#tablesPath, '{}')
  }

  /** Throws SINK_FENCED if another writer has opened the folder since, SINK_RESTORED if the file is gone or older. */
  async checkFence(): Promise<void> {
    if (await this.#isUntouched()) return
    const now = (await readJson(this.#path)) as Stored | undefined
    if (now?.epoch === this.#stored.epoch && now.batch === this.#stored.batch) return
    if (now !== undefined && now.epoch > this.#stored.epoch)
      throw new TailraceError('SINK_FENCED', 'stop', `Another process writes to ${this.#path}.`, {
        hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
      })
    throw new TailraceError('SINK_RESTORED', 'retry', `${this.#path} was removed or replaced by an older one.`, {
      hint: 'The sink goes on from what the folder now holds.',
    })
  }

  /** The folder no longer holds what the cursor says: from now on there is none. Durable on return. */
  async forget(): Promise<void> {
    await this.#store({ ...this.#stored, cursor: null })
  }

  /** Commits the batch: durable on return; a crash before leaves the former cursor. */
  async move(cursor: Cursor, batch: number): Promise<void> {
    await this.#store({ ...this.#stored, cursor, batch })
  }

  async #store(stored: Stored): Promise<void> {
    const file = await replaceOpen(this.#path, JSON.stringify(stored))
    const former = this.#file
    this.#file = file
    this.#written = await file.stat({ bigint: true })
    await Promise.all([this.#folder.sync(), former?.close()])
    this.#stored = stored
  }

  /** Cheaper than reading it. */
  async #isUntouched(): Promise<boolean> {
    try {
      const { ino, size, mtimeNs } = await stat(this.#path, { bigint: true })
      const written = this.#written
      return written?.ino === ino && written.size === size && written.mtimeNs === mtimeNs
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder.close()
    await this.#file?.close()
  }
}
