import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from '../../connectors/postgres.ts'
import type { Cursor, SourceLog } from '../../runtime/contract.ts'
import { INDEX_FOLDER } from '../../runtime/log/embedded/key-index/opening.ts'
import embedded from '../../runtime/log/embedded.ts'
import { createLogger } from '../../runtime/logger.ts'
import { SourcePart } from '../../runtime/source-part.ts'
import { LogRows } from './log-rows.ts'

const TIMEOUT_MS = 60_000
/** Lines of the source's own log that a failure shows. */
const LINES = 40

export interface LoggedSourceOptions {
  readonly url: string
  readonly tables: readonly string[]
  readonly plugin?: typeof postgres
}

/** A PostgreSQL source with its embedded log, stopped and opened again as a test needs it, and what the log has got. */
export class LoggedSource implements AsyncDisposable {
  readonly rows = new LogRows()
  readonly #folder: string
  readonly #options: LoggedSourceOptions
  readonly #lines: string[] = []
  readonly #logger = createLogger('info', { write: line => this.#note(line) })
  #tables: readonly string[]
  #log: SourceLog
  #part: SourcePart
  #read: Cursor | 'start' = 'start'

  private constructor(options: LoggedSourceOptions, folder: string, log: SourceLog) {
    this.#options = options
    this.#tables = options.tables
    this.#folder = folder
    this.#log = log
    this.#part = this.#startPart()
  }

  static async open(options: LoggedSourceOptions): Promise<LoggedSource> {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-histories-'))
    return new LoggedSource(options, folder, await openLog(folder))
  }

  get part(): SourcePart {
    return this.#part
  }

  /** It streams, and takes loads on. */
  get isStreaming(): boolean {
    return this.#part.supervisor.state === 'running' && this.#part.phase !== 'loading'
  }

  /** `withoutIndex`: it is made anew. `tables`: as the configuration has them from here on. */
  async restart({ withoutIndex = false, tables = this.#tables } = {}): Promise<void> {
    await this.#part.supervisor.stop()
    await this.#log[Symbol.asyncDispose]()
    if (withoutIndex) await rm(join(this.#folder, INDEX_FOLDER), { recursive: true })
    this.#tables = tables
    this.#log = await openLog(this.#folder)
    this.#part = this.#startPart()
  }

  /** What was committed before the call is taken over into `rows`, loads under way included; throws what the part failed with. */
  async caughtUp(): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    await this.#follow(await Promise.race([this.#part.reached(signal), this.#failed(signal)]), signal)
  }

  /** Rows of which the log has not every column are read again by themselves. */
  async whole(): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS
    while (!this.rows.isWhole) {
      if (Date.now() > deadline) throw new Error('rows are not whole')
      await this.caughtUp()
    }
  }

  /** What explains a failure. */
  async story(): Promise<string> {
    const { state, tables, error } = await this.#part.status()
    return [...this.#lines, JSON.stringify({ state, tables, error })].join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#part.supervisor.stop()
    await this.#log[Symbol.asyncDispose]()
    await postgres.destroy(this.#config(), this.#context(), AbortSignal.timeout(TIMEOUT_MS))
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #follow(until: Cursor, signal: AbortSignal): Promise<void> {
    if (this.#read !== 'start' && this.#log.compare(this.#read, until) !== 'before') return
    for await (const batch of this.#log.read(this.#read, () => true, signal)) {
      for (const change of batch) this.rows.take(change)
      this.#read = batch.cursor
      if (this.#log.compare(batch.cursor, until) !== 'before') return
    }
  }

  async #failed(signal: AbortSignal): Promise<never> {
    const { supervisor } = this.#part
    while (supervisor.state !== 'failed') await supervisor.changed(signal)
    throw supervisor.error!
  }

  #startPart(): SourcePart {
    const config = { name: 'app', plugin: this.#options.plugin ?? postgres, options: this.#config() }
    const part = new SourcePart(config, this.#log, this.#context())
    part.supervisor.start(false)
    return part
  }

  #config(): ReturnType<typeof postgres.config.parse> {
    return postgres.config.parse({ url: this.#options.url, tables: this.#tables })
  }

  #context() {
    const pipeline = new URL(this.#options.url).pathname.slice(1)
    return { pipeline, name: 'app', logger: this.#logger, folder: this.#folder }
  }

  #note(line: string): void {
    this.#lines.push(line.trim())
    if (this.#lines.length > LINES) this.#lines.shift()
  }
}

function openLog(folder: string): Promise<SourceLog> {
  const context = { pipeline: 'p', name: 'app', logger: createLogger('silent'), folder }
  return embedded.open(embedded.config.parse({ path: folder, segmentBytes: '16MB' }), context)
}
