import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PipelineStatus } from '../../../runtime/status.ts'
import { lsn } from '../../crash/slot-watch.ts'
import type { PostgresServer } from '../postgres.ts'
import type { RedisServer } from '../redis.ts'
import { MAIN } from '../run-verb.ts'
import { until } from '../until.ts'
import { MemorySampler } from './memory.ts'
import { type SinkName, sinkOptions } from './readers.ts'
import { WalsenderWatch } from './walsender-watch.ts'

/** For servers of these tests: a walsender whose keepalives are not answered ends after 5 s. */
export const LARGE_SETTINGS: Readonly<Record<string, string>> = {
  wal_sender_timeout: '5s',
  shared_buffers: '256MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
}

export interface LargeOptions {
  readonly database: string
  /** Patterns of the source's tables. */
  readonly tables: readonly string[]
  readonly sink: SinkName | undefined
  readonly redis: RedisServer | undefined
  /** How often it is asked for its status while something is waited for, in ms; 20. Of many tables that is work. */
  readonly lookMs?: number
}

/** The pipeline under test as a process of its own, its memory and its walsender watched. */
export class LargePipeline implements AsyncDisposable {
  readonly folder: string
  readonly #server: PostgresServer
  readonly #database: string
  readonly #lookMs: number | undefined
  readonly #resources: AsyncDisposableStack
  #run: Run

  private constructor(
    server: PostgresServer,
    { database, lookMs }: LargeOptions,
    folder: string,
    run: Run,
    resources: AsyncDisposableStack,
  ) {
    this.#server = server
    this.#database = database
    this.#lookMs = lookMs
    this.folder = folder
    this.#run = run
    this.#resources = resources
  }

  static async start(server: PostgresServer, options: LargeOptions): Promise<LargePipeline> {
    await using resources = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-large-'))
    resources.defer(() => rm(folder, { recursive: true, force: true }))
    await writeFile(join(folder, CONFIG), yaml(server.url(options.database), options))
    // One server for all: what another pipeline left there is not this one's.
    if (options.sink === 'redis') await options.redis!.command(['FLUSHALL'])
    const run = await Run.start(server, options.database, folder)
    return new LargePipeline(server, options, folder, run, resources.move())
  }

  get memory(): MemorySampler {
    return this.#run.memory
  }

  get watch(): WalsenderWatch {
    return this.#run.watch
  }

  get pid(): number {
    return this.#run.child.pid!
  }

  /** Ends it in good order and starts it again in its folder. */
  async restart(): Promise<void> {
    await this.end()
    await this.#run[Symbol.asyncDispose]()
    this.#run = await Run.start(this.#server, this.#database, this.folder)
  }

  async status(): Promise<PipelineStatus | undefined> {
    if (this.#run.child.exitCode !== null) throw new Error(`the pipeline ended:\n${this.#run.output}`)
    if (!existsSync(this.#processFile)) return undefined
    return (await (await fetch(new URL('/status', this.#url()))).json()) as PipelineStatus
  }

  get #processFile(): string {
    return join(this.folder, 'data', 'tailrace.json')
  }

  /** Resolves when the sinks have what was committed before the call. */
  async waited(): Promise<void> {
    const response = await fetch(new URL('/wait', this.#url()))
    if (!response.ok) throw new Error(`/wait answered ${await response.text()}`)
  }

  #url(): string {
    return (JSON.parse(readFileSync(this.#processFile, 'utf8')) as { url: string }).url
  }

  /** Resolves when log, index and sink hold everything that was committed before the call. */
  async caughtUp(seconds: number): Promise<void> {
    const [row] = await this.#server.sql('SELECT pg_current_wal_insert_lsn() AS head')
    const head = lsn(row!.head!)
    await this.until(
      ({ sources: { app }, sinks: { copy } }) => {
        if (app === undefined || app.phase !== 'streaming' || app.position === null) return false
        const isApplied = copy === undefined || (copy.phase === 'live' && copy.lag.records === 0)
        return lsn(app.position) >= head && app.log.index?.behindBytes === 0 && isApplied
      },
      'it has caught up',
      seconds,
    )
  }

  /** The row with this `id` as the log has it. */
  async row(table: string, id: string): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(new URL(`/tables/app.public.${table}/row?id=${id}`, this.#url()))
    if (!response.ok) throw new Error(`the look-up answered ${await response.text()}`)
    return ((await response.json()) as { row: Record<string, unknown> }).row
  }

  /** Throws if a part fails, or the process ends. */
  async until(condition: (status: PipelineStatus) => boolean, what: string, seconds = 60): Promise<void> {
    await until(
      async () => {
        const status = await this.status()
        if (status === undefined) return false
        for (const { state, error } of [...Object.values(status.sources), ...Object.values(status.sinks)])
          if (state === 'failed') throw new PipelineFailed(error?.code ?? '', `${error?.message}\n${this.#run.output}`)
        return condition(status)
      },
      what,
      seconds,
      this.#lookMs,
    )
  }

  /** Ends it in good order. */
  end(): Promise<void> {
    return this.#run.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run[Symbol.asyncDispose]()
    await this.#resources.disposeAsync()
  }
}

const CONFIG = 'tailrace.yaml'

/** One life of the process. */
class Run implements AsyncDisposable {
  readonly child: ChildProcess
  readonly memory: MemorySampler
  readonly watch: WalsenderWatch
  readonly #resources: AsyncDisposableStack
  output = ''

  private constructor(
    child: ChildProcess,
    memory: MemorySampler,
    watch: WalsenderWatch,
    resources: AsyncDisposableStack,
  ) {
    this.child = child
    this.memory = memory
    this.watch = watch
    this.#resources = resources
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (data: Buffer) => {
        this.output = (this.output + data.toString()).slice(-20_000)
      })
  }

  static async start(server: PostgresServer, database: string, folder: string): Promise<Run> {
    await using resources = new AsyncDisposableStack()
    const watch = resources.use(await WalsenderWatch.start(server, database))
    const child = spawn(process.execPath, [MAIN, 'run', '-c', join(folder, CONFIG), '--yes'], {
      env: { PATH: process.env.PATH, NO_COLOR: '1', ...inherited('NODE_OPTIONS') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const exit = once(child, 'exit')
    resources.defer(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await exit
      }
    })
    const memory = resources.use(await MemorySampler.start(child.pid!))
    return new Run(child, memory, watch, resources.move())
  }

  async end(): Promise<void> {
    const exit = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    const [code] = await exit
    if (code !== 0) throw new Error(`it ended with ${code}\n${this.output}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }
}

export class PipelineFailed extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

function inherited(name: string): Record<string, string> {
  const value = process.env[name]
  return value === undefined ? {} : { [name]: value }
}

function yaml(url: string, { database, tables, sink, redis }: LargeOptions): string {
  const options = sink === undefined ? {} : sinkOptions(sink, redis)
  const lines = Object.entries(options).map(([name, value]) => `    ${name}: ${value}\n`)
  return `pipeline: ${database}
log:
  path: ./data
sources:
  app:
    type: postgres
    url: ${url}
    tables:
${tables.map(table => `      - ${table}\n`).join('')}${
  sink === undefined ? '' : `sinks:\n  copy:\n    type: ${sink}\n${lines.join('')}`
}http:
  listen: 127.0.0.1:0
`
}
