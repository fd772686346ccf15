/** Search engines for tests: a real one, on its own port, gone with the test. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../../runtime/demo/free-port.ts'
import type { Program } from '../debian-package.ts'
import { ServerFolder } from '../server-folder.ts'
import { type Engine, type EnginePrograms, enginePrograms } from './engines.ts'

const START_SECONDS = 120
const SNAPSHOTS = 'snapshots'
const HEAP = '512m'
/** Options of the JVM that write files beside the programs. */
const INTO_HOME = /Xlog:gc|HeapDumpPath|ErrorFile/

/** `options`: lines of its settings. `jvm`: what of it is compiled how; tests rather start soon than run fast. */
export async function startSearch(
  engine: Engine,
  {
    options = [],
    jvm = '-XX:TieredStopAtLevel=1',
  }: { readonly options?: readonly string[]; readonly jvm?: string } = {},
): Promise<SearchServer> {
  const programs = await enginePrograms(engine)
  return await ServerFolder.with(`tailrace-${engine.name}-`, async folder => {
    const server = new SearchServer(folder, programs, await folder.reach(programs.home), { options, jvm })
    await server.start()
    return server
  })
}

export class SearchServer implements AsyncDisposable {
  readonly engine: Engine
  readonly #folder: ServerFolder
  readonly #programs: EnginePrograms
  readonly #home: string
  readonly #options: readonly string[]
  readonly #jvm: string
  #port = 0
  #child: ChildProcess | undefined

  constructor(
    folder: ServerFolder,
    programs: EnginePrograms,
    home: string,
    { options, jvm }: { readonly options: readonly string[]; readonly jvm: string },
  ) {
    this.engine = programs.engine
    this.#folder = folder
    this.#programs = programs
    this.#home = home
    this.#options = options
    this.#jvm = jvm
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Where its indexes are. */
  get dataFolder(): string {
    return join(this.#folder.path, 'data')
  }

  /** Returns once it answers, on the port that it had before. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort()
    const config = join(this.#folder.path, 'config')
    await cp(join(this.#home, 'config'), config, { recursive: true })
    for (const name of ['data', 'logs', 'tmp', SNAPSHOTS])
      await mkdir(join(this.#folder.path, name), { recursive: true })
    await writeFile(join(config, `${this.engine.name}.yml`), await this.#settings())
    const jvm = join(config, 'jvm.options')
    const lines = (await readFile(jvm, 'utf8')).split('\n').filter(line => !INTO_HOME.test(line))
    await writeFile(jvm, lines.join('\n'))
    await this.#folder.own(this.#folder.path)
    const [program, env] = this.#command(config)
    const child = await this.#folder.start(program, [], { env })
    this.#child = child
    let ended: string | undefined
    child.once('error', error => {
      ended = String(error)
    })
    child.once('exit', (code, signal) => {
      ended = `it ended with ${code ?? signal}`
    })
    const deadline = Date.now() + START_SECONDS * 1000
    while (!(await this.#answers())) {
      if (ended === undefined && Date.now() < deadline) await sleep(100)
      else
        throw new Error(
          `${this.engine.title} did not start: ${ended ?? 'not ready'}\n${await this.#folder.lastLines()}`,
        )
    }
    child.unref()
  }

  /** As a crash; `start` then recovers. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const exit = once(child, 'exit')
    // With the processes that it has started.
    process.kill(-child.pid, 'SIGKILL')
    await exit
  }

  /** Of all indexes; answers its name. */
  async snapshot(): Promise<string> {
    const location = join(this.#folder.path, SNAPSHOTS)
    await this.ask('PUT', `/_snapshot/${SNAPSHOTS}`, { type: 'fs', settings: { location } })
    const name = randomBytes(4).toString('hex')
    await this.ask('PUT', `/_snapshot/${SNAPSHOTS}/${name}?wait_for_completion=true`, {
      indices: '*',
      expand_wildcards: 'all',
      include_global_state: false,
    })
    return name
  }

  /** None of its indexes may be there. */
  async restore(name: string): Promise<void> {
    await this.ask('POST', `/_snapshot/${SNAPSHOTS}/${name}/_restore?wait_for_completion=true`)
  }

  /** What it answers to a request, as JSON; throws if that is an error. */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await this.#folder[Symbol.asyncDispose]()
  }

  async #settings(): Promise<string> {
    const { path } = this.#folder
    const lines = [
      'discovery.type: single-node',
      'network.host: 127.0.0.1',
      `http.port: ${this.#port}`,
      `transport.port: ${await freePort()}`,
      `path.data: ${join(path, 'data')}`,
      `path.logs: ${join(path, 'logs')}`,
      `path.repo: ${join(path, SNAPSHOTS)}`,
      // The disk of a machine of tests may be nearly full.
      'cluster.routing.allocation.disk.threshold_enabled: false',
      // Tests empty it.
      'action.destructive_requires_name: false',
      ...(this.engine.name === 'elasticsearch' ? ['xpack.security.enabled: false'] : []),
      ...this.#options,
    ]
    return `${lines.join('\n')}\n`
  }

  #command(config: string): [Program, Record<string, string>] {
    const prefix = this.engine.name === 'opensearch' ? 'OPENSEARCH' : 'ES'
    const env = {
      [`${prefix}_JAVA_HOME`]: this.#programs.java.home,
      [`${prefix}_PATH_CONF`]: config,
      [`${prefix}_JAVA_OPTS`]: `-Xms${HEAP} -Xmx${HEAP} ${this.#jvm}`,
      [`${prefix}_TMPDIR`]: join(this.#folder.path, 'tmp'),
      HOME: this.#folder.path,
    }
    return [[join(this.#home, 'bin', this.engine.name)], env]
  }

  async #answers(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/_cluster/health?wait_for_status=yellow&timeout=1s`)
      return response.ok && (await readFile(this.#folder.logFile, 'utf8')).includes('started')
    } catch {
      return false
    }
  }
}
