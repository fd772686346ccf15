/** ClickHouse for tests: its engine behind HTTP (engine_server.py), on its own port, gone with the test. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../../runtime/demo/free-port.ts'
import { makeCertificate } from '../certificate.ts'
import { ServerFolder } from '../server-folder.ts'
import { type EnginePrograms, enginePrograms } from './engine.ts'

const START_SECONDS = 60

export interface ServerOptions {
  /** `user:password` that it asks for. */
  readonly login?: string
  /** Over TLS, with a certificate of its own for 127.0.0.1; needs openssl. */
  readonly tls?: boolean
}

export async function startClickhouse(options: ServerOptions = {}): Promise<ClickhouseServer> {
  const programs = await enginePrograms()
  return await ServerFolder.with('tailrace-clickhouse-', async folder => {
    const server = new ClickhouseServer(folder, programs, await folder.reach(programs.home), options)
    await server.start()
    return server
  })
}

export class ClickhouseServer implements AsyncDisposable {
  readonly #folder: ServerFolder
  readonly #programs: EnginePrograms
  readonly #home: string
  readonly #options: ServerOptions
  #port = 0
  #child: ChildProcess | undefined

  constructor(folder: ServerFolder, programs: EnginePrograms, home: string, options: ServerOptions) {
    this.#folder = folder
    this.#programs = programs
    this.#home = home
    this.#options = options
  }

  get url(): string {
    return `http${this.#options.tls === true ? 's' : ''}://127.0.0.1:${this.#port}`
  }

  /** Where its tables are. */
  get dataFolder(): string {
    return join(this.#folder.path, 'data')
  }

  /** Of a server over TLS. */
  get certificate(): string {
    return join(this.#folder.path, 'server.crt')
  }

  /** Returns once it answers, on the port that it had before. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort()
    const { path } = this.#folder
    const script = join(path, 'engine_server.py')
    await copyFile(this.#programs.server, script)
    await mkdir(this.dataFolder, { recursive: true })
    const { tls, login = '' } = this.#options
    const pair = tls === true ? makeCertificate(path) : undefined
    for (const owned of [this.dataFolder, ...Object.values(pair ?? {})]) await this.#folder.own(owned)
    const child = await this.#folder.start(
      [this.#programs.python, script],
      [String(this.#port), this.dataFolder, login, ...(pair === undefined ? [] : [pair.certificate, pair.key])],
      { env: { PYTHONPATH: this.#home, PYTHONDONTWRITEBYTECODE: '1', HOME: path } },
    )
    this.#child = child
    let ended: string | undefined
    child.once('error', error => {
      ended = String(error)
    })
    child.once('exit', (code, signal) => {
      ended = `it ended with ${code ?? signal}`
    })
    const deadline = Date.now() + START_SECONDS * 1000
    while (!(await this.#isReady())) {
      if (ended === undefined && Date.now() < deadline) await sleep(50)
      else throw new Error(`The engine did not start: ${ended ?? 'not ready'}\n${await this.#folder.lastLines()}`)
    }
    child.unref()
  }

  /** As a crash; `start` then recovers. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Copies what it holds; answers a function that puts the copy back. */
  async backup(): Promise<() => Promise<void>> {
    const copy = join(this.#folder.path, 'copy')
    await this.kill()
    await rm(copy, { recursive: true, force: true })
    // Tables are reached by links as well.
    await cp(this.dataFolder, copy, { recursive: true, verbatimSymlinks: true })
    await this.start()
    return async () => {
      await this.kill()
      await rm(this.dataFolder, { recursive: true })
      await cp(copy, this.dataFolder, { recursive: true, verbatimSymlinks: true })
      await this.start()
    }
  }

  /** What it answers to a query, as text; throws if that is an error. */
  async ask(sql: string): Promise<string> {
    const response = await fetch(this.url, { method: 'POST', body: sql })
    const text = await response.text()
    if (!response.ok) throw new Error(`${sql}: ${response.status} ${text}`)
    return text
  }

  async rows<R>(sql: string): Promise<R[]> {
    const lines = (await this.ask(`${sql} FORMAT JSONEachRow`)).split('\n')
    return lines.filter(line => line !== '').map(line => JSON.parse(line) as R)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await this.#folder[Symbol.asyncDispose]()
  }

  async #isReady(): Promise<boolean> {
    if (this.#options.tls === true) return (await this.#folder.lastLines()).endsWith('ready')
    try {
      return (await fetch(`${this.url}/ping`)).ok
    } catch {
      return false
    }
  }
}
