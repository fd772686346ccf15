import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mysql from '../../../../connectors/mysql.ts'
import type { Cursor, SourceLog } from '../../../../runtime/contract.ts'
import embedded from '../../../../runtime/log/embedded.ts'
import { createLogger } from '../../../../runtime/logger.ts'
import { SourcePart } from '../../../../runtime/source-part.ts'
import { until } from '../../until.ts'
import { Operations } from './operations.ts'

const TIMEOUT_MS = 60_000
const WHOLE_SECONDS = 30
/** Tables that are gone in the end. */
const PASSING = /\._t_\w+_(new|old) /
/** Lines of the source's own log that a failure shows. */
const LINES = 40

export interface FollowedOptions {
  readonly url: string
  readonly database: string
  readonly appendOnly: readonly string[]
}

/** Our source of a database with its log, and what the log has got. */
export class Followed implements AsyncDisposable {
  readonly operations = new Operations()
  readonly #folder: string
  readonly #options: FollowedOptions
  readonly #log: SourceLog
  readonly #lines: string[] = []
  readonly #logger = createLogger('info', { write: line => this.#note(line) })
  #part: SourcePart
  #read: Cursor | 'start' = 'start'

  private constructor(options: FollowedOptions, folder: string, log: SourceLog) {
    this.#options = options
    this.#folder = folder
    this.#log = log
    this.#part = this.#startPart()
  }

  static async open(options: FollowedOptions): Promise<Followed> {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-differential-'))
    const context = { pipeline: options.database, name: 'app', logger: createLogger('silent'), folder }
    const log = await embedded.open(embedded.config.parse({ path: folder, segmentBytes: '64MB' }), context)
    return new Followed(options, folder, log)
  }

  async stop(): Promise<void> {
    await this.#part.supervisor.stop()
  }

  /** After `stop`: goes on where the log stands. */
  restart(): void {
    this.#part = this.#startPart()
  }

  /** Takes over what was committed before the call, loads under way included. Throws what the source failed with. */
  async caughtUp(): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    try {
      const end = await Promise.race([this.#part.reached(signal), this.#failed(signal)])
      await this.#follow(end, signal)
      // Rows that lack cells are read again by themselves.
      const isWhole = async (): Promise<boolean> => {
        await this.#follow(this.#log.end()!, signal)
        return !this.operations.incomplete.some(row => !PASSING.test(row))
      }
      await until(isWhole, 'all rows are whole', WHOLE_SECONDS)
    } catch (error) {
      throw new Error(`${String(error)}\n${await this.#story()}`, { cause: error })
    }
  }

  async #follow(end: Cursor, signal: AbortSignal): Promise<void> {
    if (this.#read !== 'start' && this.#log.compare(this.#read, end) !== 'before') return
    for await (const batch of this.#log.read(this.#read, () => true, signal)) {
      for (const change of batch) this.operations.take(change)
      this.#read = batch.cursor
      if (this.#log.compare(batch.cursor, end) !== 'before') return
    }
  }

  async #failed(signal: AbortSignal): Promise<never> {
    const { supervisor } = this.#part
    while (supervisor.state !== 'failed') await supervisor.changed(signal)
    throw supervisor.error!
  }

  #startPart(): SourcePart {
    const { url, database, appendOnly } = this.#options
    const options = mysql.config.parse({ url, tables: [`${database}.*`], appendOnly })
    const place = { pipeline: database, name: 'app', logger: this.#logger, folder: this.#folder }
    const part = new SourcePart({ name: 'app', plugin: mysql, options }, this.#log, place)
    part.supervisor.start(false)
    return part
  }

  async #story(): Promise<string> {
    const status = await this.#part.status()
    const { state, error, position } = status
    const tables = status.tables.filter(one => one.incomplete || one.error !== null || one.state !== 'streaming')
    const { incomplete } = this.operations
    return [...this.#lines, JSON.stringify({ state, tables, error, position, incomplete })].join('\n')
  }

  #note(line: string): void {
    this.#lines.push(line.trim())
    if (this.#lines.length > LINES) this.#lines.shift()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#part.supervisor.stop()
    await this.#log[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
