import { chmodSync, existsSync, mkdirSync, realpathSync, renameSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api'
import { crashPoint } from '../../runtime/crash.ts'
import { errorMessage, TailraceError } from '../../runtime/errors.ts'
import { type Driver, loadDriver } from './driver.ts'
import { databaseError } from './errors.ts'
import { Feed } from './feed.ts'
import { Reader } from './reader.ts'

/** The name under which the file is attached. */
export const CATALOG = 'target'

/** Tables of at most so many rows lose what was deleted when the file is written: it takes rebuilding their index. */
export const VACUUMED_ROWS = 100_000

/** Memory that a task of DuckDB has taken and given back goes to the system from here on. */
const FLUSHED_FROM = '16MB'

export interface DatabaseOptions {
  /** Bytes that DuckDB may take. */
  readonly memory: number
  readonly threads: number
}

/**
 * The databases this process has open, by file. A second opening of a file in one process is not refused by the
 * operating system and silently loses commits: here it gets the first one.
 */
const opened = new Map<string, Promise<Database>>()

/** A database file, shared by the targets that use it. A commit is on disk when it returns. */
export class Database implements AsyncDisposable {
  readonly path: string
  readonly feed: Feed
  readonly #place: string
  readonly #instance: DuckDBInstance
  readonly #writer: DuckDBConnection
  readonly #file: { dev: number; ino: number }
  readonly #memory: string
  #users = 1
  #closing: Promise<void> | undefined
  /** The transaction or copy under way: there is one at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(
    path: string,
    place: string,
    memory: string,
    driver: Driver,
    instance: DuckDBInstance,
    writer: DuckDBConnection,
  ) {
    this.path = path
    this.#memory = memory
    this.#place = place
    this.#instance = instance
    this.#writer = writer
    this.feed = new Feed(driver, writer)
    this.#file = statSync(path)
  }

  /** Opens the file, or makes it. Throws SINK_DRIVER, TARGET_BUSY, SINK_DAMAGED, TARGET_UNWRITABLE. */
  static async open(path: string, options: DatabaseOptions): Promise<Database> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const place = join(realpathSync(dirname(path)), basename(path))
    for (let known = opened.get(place); known !== undefined; known = opened.get(place)) {
      const database = await known
      if (database.#closing !== undefined) await database.#closing
      else if (!database.#isCurrent) opened.delete(place)
      else {
        database.#users++
        return database
      }
    }
    const opening = Database.#open(path, place, options)
    opened.set(place, opening)
    try {
      return await opening
    } catch (error) {
      if (opened.get(place) === opening) opened.delete(place)
      throw databaseError(error, path)
    }
  }

  static async #open(path: string, place: string, { memory, threads }: DatabaseOptions): Promise<Database> {
    const driver = await loadDriver()
    const isNew = !existsSync(path)
    const limit = `${memory}B`
    const instance = await driver.api.DuckDBInstance.create(':memory:', {
      memory_limit: limit,
      threads: String(threads),
      temp_directory: `${path}.tmp`,
      autoinstall_known_extensions: 'false',
      // Its allocator keeps 128 MB otherwise, and a value of 100 MB once for every stage that it passes.
      allocator_flush_threshold: FLUSHED_FROM,
      allocator_bulk_deallocation_flush_threshold: FLUSHED_FROM,
    })
    try {
      const writer = await instance.connect()
      await attach(writer, path)
      // Readable by its owner alone: the database is a copy of the source's data.
      if (isNew) chmodSync(path, 0o600)
      return new Database(path, place, limit, driver, instance, writer)
    } catch (error) {
      instance.closeSync()
      throw error
    }
  }

  /** Runs a statement; `values` for its `$1`, `$2` and so on. Answers the rows it changed, or its result. */
  async run(sql: string, values: DuckDBValue[] = []): Promise<number> {
    return (await this.#writer.run(sql, values)).rowsChanged
  }

  async query(sql: string, values: DuckDBValue[] = []): Promise<Record<string, DuckDBValue>[]> {
    return (await this.#writer.runAndReadAll(sql, values)).getRowObjects()
  }

  /** Ends the statement that runs. */
  interrupt(): void {
    this.#writer.interrupt()
  }

  /**
   * Gives what is not in use back to the system. DuckDB's allocator keeps what it has had, up to a gigabyte after a value
   * of 100 MB; setting the limit that is set empties it.
   */
  async release(): Promise<void> {
    await this.run(`SET memory_limit = '${this.#memory}'`)
  }

  /**
   * Runs `work` in a transaction, which is its own as long as it lasts; when it throws, nothing of it remains. The
   * signal ends statements that run. `large`: it writes large values, which then go into the file at once, not through
   * its write-ahead log, and no more memory is kept for them. Errors of the database come as TailraceError.
   */
  async transaction<T>(work: () => Promise<T>, signal?: AbortSignal, large = false): Promise<T> {
    return this.exclusive(async () => {
      signal?.throwIfAborted()
      this.#checkFile()
      const interrupt = (): void => this.interrupt()
      signal?.addEventListener('abort', interrupt, { once: true })
      try {
        await this.#writer.run('BEGIN TRANSACTION')
        const answer = await this.#orRollback(work)
        crashPoint('duckdb.applied')
        await (large ? this.#commitLarge() : this.#writer.run('COMMIT'))
        return answer
      } catch (error) {
        signal?.throwIfAborted()
        throw error
      } finally {
        signal?.removeEventListener('abort', interrupt)
      }
    })
  }

  /** A commit beyond this threshold writes the file itself. Beside readers it may not; then the log is written after all. */
  async #commitLarge(): Promise<void> {
    await this.run(`SET checkpoint_threshold = '1KB'`)
    try {
      await this.run('COMMIT')
    } finally {
      await this.run('RESET checkpoint_threshold')
      await this.release()
    }
  }

  async #orRollback<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      // Fails where DuckDB has given up on the whole database; what it gave up for is the error to tell.
      await this.#writer.run('ROLLBACK').catch(() => {})
      throw error
    }
  }

  /** Runs `work` while nobody writes. Errors of the database come as TailraceError. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn
    const mine = (async () => {
      await before
      return work()
    })()
    this.#turn = mine.catch(() => {})
    try {
      return await mine
    } catch (error) {
      throw databaseError(error, this.path)
    }
  }

  async reader(signal: AbortSignal): Promise<Reader> {
    return new Reader(await this.#instance.connect(), this.path, signal)
  }

  get #isCurrent(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false })
    return now?.ino === this.#file.ino && now.dev === this.#file.dev
  }

  /** A file removed or replaced would take writes that nobody ever sees. */
  #checkFile(): void {
    if (this.#isCurrent) return
    throw new TailraceError('SINK_RESTORED', 'retry', `${this.path} was removed or replaced while it was in use.`, {
      hint: 'The sink goes on from what the file now holds.',
    })
  }

  /** Closes the file once nobody uses it: everything is then in it, and no write-ahead log beside it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (--this.#users > 0) return
    this.#closing = this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    await this.#turn
    // The write-ahead log beside a file put here since belongs to that file.
    if (!this.#isCurrent) await this.#writer.run('PRAGMA disable_checkpoint_on_shutdown')
    this.#writer.closeSync()
    this.#instance.closeSync()
    if ((await opened.get(this.#place)) === this) opened.delete(this.#place)
  }
}

/**
 * Files are made in the form of DuckDB 1.4: from that on it notices a write-ahead log that belongs to another state of
 * its file, as after an older copy was put back, instead of mixing the two. Such a log is put aside: the sink writes
 * what is missing again.
 */
async function attach(connection: DuckDBConnection, path: string): Promise<void> {
  const form = existsSync(path) ? '' : `, STORAGE_VERSION 'v1.4.0'`
  const sql = `ATTACH ${literal(path)} AS ${CATALOG} (VACUUM_REBUILD_INDEXES ${VACUUMED_ROWS}${form})`
  try {
    await connection.run(sql)
  } catch (error) {
    if (!/WAL .*does not match/.test(errorMessage(error))) throw error
    renameSync(`${path}.wal`, `${path}.wal.stale`)
    await connection.run(sql)
  }
}

/** Throws unless the driver is there and the file, if there is one, a database it can read. Changes nothing. */
export async function checkDatabase(path: string): Promise<void> {
  const { api } = await loadDriver()
  if (!existsSync(path)) return
  const instance = await api.DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`ATTACH ${literal(path)} AS ${CATALOG} (READ_ONLY)`)
  } catch (error) {
    throw databaseError(error, path)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** An identifier in SQL. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
