import { constants, existsSync } from 'node:fs'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { sync } from '../common/files.ts'
import type { Owners } from '../duckdb-file/catalog.ts'
import { CATALOG, type Database, literal } from '../duckdb-file/database.ts'
import { OWN_SCHEMA } from '../duckdb-file/owner.ts'

/** More than a write-ahead log ever has. */
const NEVER = '1000TB'

/**
 * A copy of the database for readers, who cannot open a file that is written: made anew at most every so often, if
 * anything has changed, and put in place by a rename. It is a state between two transactions, cursor included.
 */
export class Snapshots implements AsyncDisposable {
  readonly #database: Database
  readonly #path: string
  readonly #everyMs: number
  readonly #logger: Logger
  #timer: NodeJS.Timeout | undefined
  #madeAt = 0
  #isStale = false
  #making: Promise<void> | undefined

  constructor(database: Database, path: string, everyMs: number, logger: Logger) {
    this.#database = database
    this.#path = path
    this.#everyMs = everyMs
    this.#logger = logger
  }

  /** Something is about to be committed: a copy waits for its turn behind that. */
  readonly touch = (): void => {
    this.#isStale = true
    if (this.#timer !== undefined || this.#making !== undefined) return
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, this.#madeAt + this.#everyMs - Date.now()))
  }

  #begin(): void {
    this.#timer = undefined
    this.#making = this.#make()
      .catch(error => {
        // The data itself is safe: the next copy may succeed.
        this.#logger.error({ err: error, path: this.#path }, 'the copy of the database for readers could not be made')
        this.#isStale = true
      })
      .finally(() => {
        this.#making = undefined
        if (this.#isStale) this.touch()
      })
  }

  async #make(): Promise<void> {
    const database = this.#database
    const scratch = `${this.#path}.new`
    this.#madeAt = Date.now()
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    // Between two checkpoints DuckDB leaves all blocks alone that the last one wrote: writing goes on while they are copied.
    await database.exclusive(async () => {
      this.#isStale = false
      await database.run(`SET checkpoint_threshold = '${NEVER}'`)
      await database.run(`CHECKPOINT ${CATALOG}`)
    })
    try {
      await copyFile(database.path, scratch, constants.COPYFILE_FICLONE)
    } finally {
      await database.exclusive(() => database.run('RESET checkpoint_threshold'))
    }
    await sync(scratch)
    await rename(scratch, this.#path)
    await sync(dirname(this.#path))
  }

  /** Ends with a copy of the last state. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    await this.#making
    clearTimeout(this.#timer)
    if (!this.#isStale) return
    try {
      await this.#make()
    } catch (error) {
      await rm(`${this.#path}.new`, { force: true })
      throw error
    }
  }
}

/** Makes the copy now. */
export async function renewCopy(database: Database, path: string, logger: Logger): Promise<void> {
  await using snapshots = new Snapshots(database, path, 0, logger)
  snapshots.touch()
}

/** The copy is missing, or was made before these cursors were taken over the last time. */
export async function isCopyOld(database: Database, path: string, { pipeline, sink }: Owners): Promise<boolean> {
  if (!existsSync(path)) return true
  const own = `${OWN_SCHEMA}.cursors WHERE pipeline = $1 AND sink = $2`
  return database.exclusive(async () => {
    await database.run(`ATTACH ${literal(path)} AS readers (READ_ONLY)`)
    try {
      const missing = await database.query(
        `SELECT source, epoch FROM ${CATALOG}.${own} EXCEPT SELECT source, epoch FROM readers.${own}`,
        [pipeline, sink],
      )
      return missing.length > 0
    } finally {
      await database.run('DETACH readers')
    }
  })
}
