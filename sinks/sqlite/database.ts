import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crashPoint } from '../../runtime/crash.ts'
import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'

/** Primary result codes: https://www.sqlite.org/rescode.html */
const Code = {
  error: 1,
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  notADatabase: 26,
} as const

/** Refusals that are one row's fault. */
const ROW_CODES: readonly number[] = [Code.tooBig, Code.constraint, Code.mismatch]
const ROW_ERRORS: readonly (string | undefined)[] = ['ERR_OUT_OF_RANGE', 'ERR_STRING_TOO_LONG']

/** Refusals that are the statement's fault. */
const STATEMENT_CODES: readonly number[] = [Code.error, Code.constraint]

/** Function of SQL that answers a large value as a BLOB. */
export const LARGE_VALUE = 'tailrace_large'

/** How long another writer of the file is waited for, and how long SQLite looks before it is asked again. */
const BUSY_MS = 5000
const LOOK_MS = 4
const CACHE_KIB = 16 * 1024
/** So many pages (16 MB) of the journal go into the database at a time: four times as many as by default. */
const JOURNAL_PAGES = 4000

/** The database file of one target, shared by its sinks. A commit is on disk when it returns. */
export class Database implements Disposable {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #file: { dev: number; ino: number }
  #large: readonly Uint8Array[] = []

  constructor(path: string) {
    this.path = path
    try {
      this.#database = new DatabaseSync(path, { timeout: BUSY_MS })
      this.#database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB};
         PRAGMA wal_autocheckpoint = ${JOURNAL_PAGES}; PRAGMA legacy_alter_table = ON`,
      )
      this.#database.function(LARGE_VALUE, i => this.#large[Number(i)]!)
      this.#file = statSync(path)
    } catch (error) {
      throw databaseError(error, path)
    }
  }

  /**
   * Within `work`, `LARGE_VALUE` of a number is that one of the values. What is bound to a statement is copied once more,
   * and kept by it until it runs again.
   */
  withLarge<T>(values: readonly Uint8Array[], work: () => T): T {
    this.#large = values
    try {
      return work()
    } finally {
      this.#large = []
    }
  }

  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql)
  }

  exec(sql: string): void {
    this.#database.exec(sql)
  }

  /** Runs a statement; answers why the database refused it, which leaves the transaction as it was. */
  refusal(sql: string): string | undefined {
    try {
      this.#database.exec(sql)
      return undefined
    } catch (error) {
      if (!STATEMENT_CODES.includes(resultCode(error) ?? 0)) throw error
      return errorMessage(error)
    }
  }

  /**
   * Runs `work` in a transaction; with `false` as its answer, or when it throws, nothing of it remains. Errors of the
   * database come as TailraceError. Synchronous: nobody else uses the connection in between.
   */
  transaction<T>(work: () => T): T {
    this.#checkFile()
    let answer: T
    try {
      this.#begin()
      try {
        answer = work()
        crashPoint('sqlite.applied')
        this.#database.exec(answer === false ? 'ROLLBACK' : 'COMMIT')
      } catch (error) {
        // SQLite has ended the transaction by itself after some errors.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    } catch (error) {
      throw databaseError(error, this.path)
    }
    return answer
  }

  /**
   * Waits for another writer to end. SQLite by itself looks ever more rarely, ten times a second in the end, and would not
   * come upon the moment between two transactions of one that writes on and on.
   */
  #begin(): void {
    const deadline = Date.now() + BUSY_MS
    this.#database.exec(`PRAGMA busy_timeout = ${LOOK_MS}`)
    try {
      for (;;) {
        try {
          this.#database.exec('BEGIN IMMEDIATE')
          return
        } catch (error) {
          if (resultCode(error) !== Code.busy || Date.now() >= deadline) throw error
        }
      }
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
    }
  }

  /** Runs `work`, which only reads. Errors as of `transaction`. */
  read<T>(work: () => T): T {
    this.#checkFile()
    try {
      return work()
    } catch (error) {
      throw databaseError(error, this.path)
    }
  }

  /** A file removed or replaced would take writes that nobody ever sees. */
  #checkFile(): void {
    const now = statSync(this.path, { throwIfNoEntry: false })
    if (now?.ino === this.#file.ino && now.dev === this.#file.dev) return
    throw new TailraceError('SINK_RESTORED', 'retry', `${this.path} was removed or replaced while it was in use.`, {
      hint: 'The sink goes on from what the file now holds.',
    })
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

/** Throws unless the file is a database that can be read. Changes nothing. */
export function checkDatabase(path: string): void {
  try {
    using database = new DatabaseSync(path, { readOnly: true })
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (error) {
    throw databaseError(error, path)
  }
}

/** Why the database refused a row; undefined if the error is not that row's fault. */
export function rowRefusal(error: unknown): string | undefined {
  const code = resultCode(error)
  if (code === undefined ? ROW_ERRORS.includes(errorCode(error)) : ROW_CODES.includes(code)) return errorMessage(error)
  return undefined
}

function resultCode(error: unknown): number | undefined {
  if (errorCode(error) !== 'ERR_SQLITE_ERROR') return undefined
  return (error as { errcode: number }).errcode & 0xff
}

function databaseError(cause: unknown, path: string): unknown {
  const code = resultCode(cause)
  if (code === undefined || isTailraceError(cause)) return cause
  const reason = errorMessage(cause)
  switch (code) {
    case Code.busy:
    case Code.locked:
      return new TailraceError('TARGET_BUSY', 'retry', `Another program holds ${path} locked.`, {
        cause,
        hint: 'End its write transaction; the sink goes on by itself.',
      })
    case Code.full:
      return new TailraceError('TARGET_FULL', 'retry', `There is no room left for ${path}.`, {
        cause,
        hint: 'Free some space or move `path` of the sink; it goes on by itself.',
      })
    case Code.readOnly:
    case Code.cannotOpen:
      return new TailraceError('TARGET_UNWRITABLE', 'stop', `${path} cannot be opened for writing: ${reason}`, {
        cause,
        hint: 'Give file and folder to the user that runs Tailrace, then resume the sink.',
      })
    case Code.corrupt:
    case Code.notADatabase:
      return new TailraceError('SINK_DAMAGED', 'stop', `${path} is not a sound SQLite database: ${reason}`, {
        cause,
        hint: 'Move it away: the sink is then built anew from the log.',
      })
    case Code.ioError:
      return new TailraceError('TARGET_IO', 'retry', `Writing to ${path} failed: ${reason}`, {
        cause,
        hint: 'See the operating system for the state of the disk.',
      })
    default:
      return new TailraceError('SINK_SCHEMA', 'stop', `${path} refused a statement: ${reason}`, {
        cause,
        hint: 'Undo what changed its tables by hand, or build the sink anew: tailrace remove --sink, then run.',
      })
  }
}

/** An identifier in SQL. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
