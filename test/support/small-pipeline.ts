/** A pipeline from one small table into one SQLite file, driven through the command line: for what can go wrong. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { PipelineStatus } from '../../runtime/status.ts'
import type { PostgresServer, TextRow } from './postgres.ts'
import { MAIN, runVerb, type Said, VERB_ENV } from './run-verb.ts'
import { until } from './until.ts'

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

/** What the configuration says; each test bends it. */
export interface Settings {
  url: string
  tables: string[]
  /** Further lines of the log's block, and of the source's. */
  log: string[]
  source: string[]
  /** Of the block of sinks, behind the one that is always there. */
  sinks: string[]
  /** Folder of the log. */
  path: string
}

export class SmallPipeline implements AsyncDisposable {
  readonly server: PostgresServer
  readonly database: string
  readonly folder: string
  readonly settings: Settings
  readonly #running = new Set<RunningVerb>()

  private constructor(server: PostgresServer, database: string, folder: string) {
    this.server = server
    this.database = database
    this.folder = folder
    this.settings = {
      url: server.url(database),
      tables: ['public.item'],
      log: [],
      source: [],
      sinks: [],
      path: './data',
    }
  }

  /** With a database of its own, in it the table `item` of three rows. */
  static async open(server: PostgresServer): Promise<SmallPipeline> {
    const database = decodeURIComponent(new URL(await server.createDatabase()).pathname.slice(1))
    const small = new SmallPipeline(server, database, await mkdtemp(join(tmpdir(), 'tailrace-small-')))
    await small.sql('CREATE TABLE item (id int PRIMARY KEY, name text)')
    await small.sql("INSERT INTO item VALUES (1, 'one'), (2, NULL), (3, 'three')")
    await small.configure()
    return small
  }

  /** Another pipeline from the same table, in a folder of its own. */
  async beside(): Promise<SmallPipeline> {
    const other = new SmallPipeline(this.server, this.database, await mkdtemp(join(tmpdir(), 'tailrace-small-')))
    other.settings.source = [`slot: beside_${this.database}`, `publication: beside_${this.database}`]
    await other.configure()
    return other
  }

  get config(): string {
    return join(this.folder, 'tailrace.yaml')
  }

  /** Of this pipeline; others share the server. */
  get slot(): string {
    return `tailrace_${this.database}_app`
  }

  sql(text: string, params: readonly unknown[] = []): Promise<TextRow[]> {
    return this.server.sql(text, params, this.database)
  }

  /** Writes the file as the settings are now. */
  async configure(): Promise<void> {
    await writeFile(this.config, this.yaml())
  }

  yaml(): string {
    const { url, tables, log, source, sinks, path } = this.settings
    return `pipeline: ${this.database}
log:
  path: ${path}
${log.map(line => `  ${line}\n`).join('')}sources:
  app:
    type: postgres
    url: ${url}
    tables:
${tables.map(table => `      - ${table}\n`).join('')}${source.map(line => `    ${line}\n`).join('')}sinks:
  copy:
    type: sqlite
    path: ./copy.db
${sinks.map(line => `  ${line}\n`).join('')}http:
  listen: 127.0.0.1:0
`
  }

  verb(name: string, ...args: string[]): Promise<Said> {
    return runVerb([name, '-c', this.config, ...args])
  }

  /** `run` to the point where all is applied, or to its refusal. */
  runOnce(...args: string[]): Promise<Said> {
    return this.verb('run', '--until-caught-up', '--yes', '--json', ...args)
  }

  /** `run` without an end. */
  start(): RunningVerb {
    const running = new RunningVerb(this.config, resolve(this.folder, this.settings.path, 'tailrace.json'))
    this.#running.add(running)
    return running
  }

  /** The rows of the source and those of the sink. */
  async rows(): Promise<{ source: TextRow[]; sink: unknown[] }> {
    const source = await this.sql('SELECT id, name FROM item ORDER BY id')
    const sink = await this.sink('SELECT CAST(id AS TEXT) AS id, name FROM public_item ORDER BY public_item.id')
    return { source, sink }
  }

  /** Rows of the sink; none while there is no file. */
  async sink(sql: string): Promise<unknown[]> {
    const path = join(this.folder, 'copy.db')
    if (!existsSync(path)) return []
    using database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
    return database
      .prepare(sql)
      .all()
      .map(row => ({ ...row }))
  }

  /** Changes the sink's file by hand. */
  change(sql: string): void {
    using database = new DatabaseSync(join(this.folder, 'copy.db'), { timeout: 5000 })
    database.exec(sql)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) await running[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** The error that a verb with --json ended with. */
export function refusalOf({ err }: Said): Refusal | undefined {
  const line = err.split('\n').findLast(text => text.startsWith('{"error":{'))
  return line === undefined ? undefined : (JSON.parse(line) as { error: Refusal }).error
}

/** A `run` that goes on until it is told to end. */
export class RunningVerb implements AsyncDisposable {
  readonly exit: Promise<number | null>
  readonly #child: ChildProcess
  readonly #file: string
  #output = ''
  #ended = false

  constructor(config: string, processFile: string) {
    this.#file = processFile
    this.#child = spawn(process.execPath, [MAIN, 'run', '-c', config, '--yes'], {
      env: VERB_ENV,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', data => {
        this.#output += data
      })
    this.exit = once(this.#child, 'exit').then(([code]) => {
      this.#ended = true
      return code
    })
  }

  get output(): string {
    return this.#output
  }

  get pid(): number {
    return this.#child.pid!
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Undefined while it cannot be asked. */
  async status(): Promise<PipelineStatus | undefined> {
    if (this.#ended) throw new Error(`the run ended:\n${this.#output}`)
    if (!existsSync(this.#file)) return undefined
    const { pid, url } = JSON.parse(await readFile(this.#file, 'utf8')) as { pid: number; url: string }
    if (pid !== this.#child.pid) return undefined
    const response = await fetch(new URL('/status', url))
    return response.ok ? ((await response.json()) as PipelineStatus) : undefined
  }

  async until(condition: (status: PipelineStatus) => boolean, what: string, seconds = 30): Promise<void> {
    let last: PipelineStatus | undefined
    try {
      await until(
        async () => {
          last = await this.status()
          return last !== undefined && condition(last)
        },
        what,
        seconds,
      )
    } catch (error) {
      throw new Error(`${String(error)}\n${JSON.stringify(last, undefined, 1)}\n${this.#output}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    this.#child.kill('SIGKILL')
    await this.exit
  }
}
