/** The pipeline under test, run as a user runs it: a process of its own with a configuration file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { httpRequest } from '../../runtime/cli/http-request.ts'
import type { PipelineStatus } from '../../runtime/status.ts'
import { MAIN, VERB_ENV } from '../support/run-verb.ts'
import { until } from '../support/until.ts'

const PROBE = new URL('./probe.ts', import.meta.url).href
const OUTPUT_CHARACTERS = 20_000
/** On a machine that the writer and its database keep busy. */
const START_SECONDS = 60

/** Where everything of one pipeline stands. */
export interface Site {
  readonly folder: string
  readonly config: string
  readonly data: string
  /** The log of source `app`. */
  readonly log: string
  readonly sqlite: string
  readonly jsonl: string
  readonly probe: string
}

/** Writes a configuration with this source, the embedded log and two sinks. */
export async function layOut(
  folder: string,
  { type, url, tables }: { readonly type: string; readonly url: string; readonly tables: readonly string[] },
): Promise<Site> {
  const site: Site = {
    folder,
    config: join(folder, 'tailrace.yaml'),
    data: join(folder, 'data'),
    log: join(folder, 'data', 'app'),
    sqlite: join(folder, 'rows.db'),
    jsonl: join(folder, 'files'),
    probe: join(folder, 'probe'),
  }
  await mkdir(site.probe, { recursive: true })
  const yaml = `pipeline: oracle
log:
  path: ./data
sources:
  app:
    type: ${type}
    url: ${url}
    tables:
${tables.map(table => `      - ${table}\n`).join('')}
sinks:
  rows:
    type: sqlite
    path: ./rows.db
  files:
    type: jsonl
    path: ./files
    mode: state
http:
  listen: 127.0.0.1:0
`
  await writeFile(site.config, yaml)
  return site
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class PipelineProcess implements AsyncDisposable {
  readonly site: Site
  readonly exit: Promise<Exit>
  readonly #child: ChildProcess
  #output = ''
  #exited = false
  #url: string | undefined

  private constructor(site: Site, child: ChildProcess) {
    this.site = site
    this.#child = child
    this.exit = once(child, 'exit').then(([code, signal]) => {
      this.#exited = true
      return { code, signal }
    })
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (data: Buffer) => {
        this.#output = (this.#output + data.toString()).slice(-OUTPUT_CHARACTERS)
      })
  }

  /** As a user starts it. */
  static start(site: Site): PipelineProcess {
    return PipelineProcess.#spawn(site, [], {})
  }

  /**
   * The same with a probe in it that tells what it is at when it is killed. `crash`: a named point and the pass at which
   * the process ends itself there, as `log.written:3`.
   */
  static async startProbed(site: Site, crash = ''): Promise<PipelineProcess> {
    await rm(site.probe, { recursive: true, force: true })
    await mkdir(site.probe, { recursive: true })
    const env = { TAILRACE_CRASH: crash, TAILRACE_PROBE: site.probe }
    return PipelineProcess.#spawn(site, ['--import', PROBE], env)
  }

  static #spawn(site: Site, options: readonly string[], env: NodeJS.ProcessEnv): PipelineProcess {
    const child = spawn(process.execPath, [...options, MAIN, 'run', '-c', site.config, '--yes'], {
      env: { ...VERB_ENV, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return new PipelineProcess(site, child)
  }

  get pid(): number {
    return this.#child.pid!
  }

  get exited(): boolean {
    return this.#exited
  }

  /** The end of what it said. */
  get output(): string {
    return this.#output
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The address it listens on; throws if it ends before. */
  async url(): Promise<string> {
    if (this.#url !== undefined) return this.#url
    const file = join(this.site.data, 'tailrace.json')
    await until(
      async () => {
        this.demandAlive()
        if (!existsSync(file)) return false
        const { pid, url } = JSON.parse(await readFile(file, 'utf8')) as { pid: number; url: string }
        if (pid === this.pid) this.#url = url
        return this.#url !== undefined
      },
      'the pipeline listens',
      START_SECONDS,
    )
    return this.#url!
  }

  async status(): Promise<PipelineStatus> {
    const response = await fetch(new URL('/status', await this.url()))
    return (await response.json()) as PipelineStatus
  }

  /** Resolves when every sink holds what was committed before the call. */
  async wait(seconds: number): Promise<void> {
    const url = new URL(`/wait?timeout=${seconds}`, await this.url())
    const response = await httpRequest(url, { method: 'GET', headers: {} })
    const said = await response.text()
    if (!response.ok) throw new Error(`wait answered ${response.status}: ${said}\n${this.#output}`)
  }

  /** Waits for a state of the pipeline; throws if it ends or a part fails. */
  async until(condition: (status: PipelineStatus) => boolean, what: string, seconds = 60): Promise<void> {
    await until(
      async () => {
        this.demandAlive()
        const status = await this.status()
        for (const [name, { state, error }] of [...Object.entries(status.sources), ...Object.entries(status.sinks)])
          if (state === 'failed') throw new Error(`${name} failed: ${error?.code}: ${error?.message}\n${this.#output}`)
        return condition(status)
      },
      what,
      seconds,
    )
  }

  /** Throws what it said if it has ended. */
  demandAlive(): void {
    if (this.#exited) throw new Error(`the pipeline ended:\n${this.#output}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exited) return
    this.#child.kill('SIGKILL')
    await this.exit
  }
}
