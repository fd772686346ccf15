/** MySQL and MariaDB servers for tests: a real one for each, on its own port, gone with the test. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { freePort } from '../../../runtime/demo/free-port.ts'
import { makeCertificate } from '../certificate.ts'
import type { Program } from '../debian-package.ts'
import { ServerFolder } from '../server-folder.ts'
import { newData } from './data-template.ts'
import { type MysqlPrograms, mysqlPrograms, serverProgram } from './programs.ts'
import type { Flavor } from './releases.ts'
import { placeFlags, READY, ROOT_PASSWORD, sourceFlags } from './settings.ts'

const START_SECONDS = 60

export interface MysqlOptions {
  readonly flavor: Flavor
  /** Of the server's command line, over settings that suit a source: `['--gtid-mode=OFF']`. */
  readonly options?: readonly string[]
  /** With a certificate of its own for 127.0.0.1, `certificate`; needs openssl. MySQL has one of another name anyway. */
  readonly tls?: boolean
  /** The machine's zone as the server sees it, `SYSTEM`; UTC by default. */
  readonly timeZone?: string
}

/** A row with each value as the server prints it. */
export type TextRow = Record<string, string | null>

export async function startMysql(options: MysqlOptions): Promise<MysqlServer> {
  const programs = await mysqlPrograms(options.flavor)
  return await ServerFolder.with(`tailrace-${options.flavor}-`, async folder => {
    await newData(options.flavor, programs, folder)
    const home = await folder.reach(programs.home)
    const flags = placeFlags(home, folder.path)
    if (options.tls === true) {
      const { key, certificate } = makeCertificate(folder.path)
      for (const file of [key, certificate]) await folder.own(file)
      flags.push(`--ssl-key=${key}`, `--ssl-cert=${certificate}`, `--ssl-ca=${certificate}`)
    }
    const server = new MysqlServer(programs, await serverProgram(programs.release, home), flags, folder, options)
    await server.start()
    return server
  })
}

export class MysqlServer implements AsyncDisposable {
  readonly flavor: Flavor
  /** major * 100 + minor. */
  readonly version: number
  readonly #program: Program
  readonly #flags: readonly string[]
  readonly #folder: ServerFolder
  readonly #options: MysqlOptions
  #port = 0
  #child: ChildProcess | undefined

  constructor(
    { version }: MysqlPrograms,
    program: Program,
    flags: readonly string[],
    folder: ServerFolder,
    options: MysqlOptions,
  ) {
    this.flavor = options.flavor
    this.version = version
    this.#program = program
    this.#flags = flags
    this.#folder = folder
    this.#options = options
  }

  /** Chosen at the first start and kept. */
  get port(): number {
    return this.#port
  }

  /** Of the running server. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Holds `data`, and all else that the server has. */
  get folder(): string {
    return this.#folder.path
  }

  /** What the server printed, all starts. */
  get logFile(): string {
    return this.#folder.logFile
  }

  /** File of the certificate that it shows with the option `tls`, which is its own authority. */
  get certificate(): string {
    return join(this.#folder.path, 'server.crt')
  }

  /** With the password that root and every user made by `createUser` has. */
  url(user = 'root', database = ''): string {
    return `mysql://${encodeURIComponent(user)}:${ROOT_PASSWORD}@127.0.0.1:${this.#port}/${encodeURIComponent(database)}`
  }

  /** Returns once it takes connections; at once if it does already. `more` is added to its options, this time only. */
  async start(more: readonly string[] = []): Promise<void> {
    if (this.#child !== undefined) return
    const given = this.#port
    for (let attempt = 1; ; attempt++) {
      const port = given === 0 ? await freePort() : given
      const failure = await this.#tryStart(port, more)
      if (failure === undefined) {
        this.#port = port
        return
      }
      // Another process may have taken the free port in between.
      if (given !== 0 || attempt === 5 || !failure.includes('Address already in use')) {
        throw new Error(`${this.flavor} did not start: ${failure}`)
      }
    }
  }

  /** In order: a stopped server has nothing to recover. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** As a crash; `start` then recovers. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** On the same data and port. */
  async restart(more: readonly string[] = []): Promise<void> {
    await this.stop()
    await this.start(more)
  }

  /**
   * As root, on a connection of its own; the text may hold several statements. Answers the last one's rows, none for
   * one without.
   */
  async query(sql: string, database = ''): Promise<TextRow[]> {
    const connection = await this.connect({ database })
    try {
      const [answer] = await connection.query<mysql.RowDataPacket[] | mysql.RowDataPacket[][]>(sql)
      const last: unknown = isListOfAnswers(answer) ? answer.at(-1) : answer
      return Array.isArray(last) ? (last as TextRow[]) : []
    } finally {
      await connection.end()
    }
  }

  /**
   * A connection, as root by default, that answers every value as text and takes several statements at once. The
   * caller ends it; a killed server just ends it.
   */
  async connect(options: mysql.ConnectionOptions = {}): Promise<mysql.Connection> {
    const connection = await mysql.createConnection({
      host: '127.0.0.1',
      port: this.#port,
      user: 'root',
      password: ROOT_PASSWORD,
      multipleStatements: true,
      charset: 'utf8mb4',
      // JSON arrives as bytes, which are UTF-8.
      typeCast: field => field.string(field.type === 'JSON' ? 'utf8' : undefined),
      ...options,
    })
    // Without a listener a server that stops would end the test process; the next query rejects anyway.
    connection.on('error', () => {})
    return connection
  }

  /** A new database; answers its name. */
  async createDatabase(name = `t_${randomBytes(6).toString('hex')}`): Promise<string> {
    await this.query(`CREATE DATABASE ${mysql.escapeId(name, true)}`)
    return name
  }

  /** A user from everywhere; answers its URL. `identified` says how instead of root's password. */
  async createUser(
    name: string,
    privileges = 'ALL PRIVILEGES ON *.*',
    identified = `BY '${ROOT_PASSWORD}'`,
  ): Promise<string> {
    const user = `${mysql.escape(name)}@'%'`
    await this.query(`CREATE USER ${user} IDENTIFIED ${identified}; GRANT ${privileges} TO ${user}`)
    return this.url(name)
  }

  /** Kills it and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await this.#folder[Symbol.asyncDispose]()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.ref()
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }

  /** Undefined, or why it did not start. */
  async #tryStart(port: number, more: readonly string[]): Promise<string | undefined> {
    const { options = [], timeZone } = this.#options
    const args = [...this.#flags, ...sourceFlags(this.flavor, port), ...options, ...more]
    const log = await open(this.logFile, 'a+')
    try {
      const before = (await log.stat()).size
      const said = async (): Promise<string> => {
        const { size } = await log.stat()
        const { buffer } = await log.read(Buffer.alloc(size - before), 0, size - before, before)
        return buffer.toString()
      }
      const child = await this.#folder.start(
        this.#program,
        args,
        timeZone === undefined ? {} : { env: { TZ: timeZone } },
      )
      let cause: string | undefined
      child.once('error', error => {
        cause = String(error)
      })
      child.once('exit', (code, signal) => {
        cause = `it ended with ${code ?? signal}`
        this.#child = undefined
      })
      this.#child = child
      const deadline = Date.now() + START_SECONDS * 1000
      while (cause === undefined) {
        if ((await said()).includes(READY)) {
          child.unref()
          return undefined
        }
        if (Date.now() > deadline) {
          cause = `not ready after ${START_SECONDS} s`
          await this.#end('SIGKILL')
        } else await sleep(10)
      }
      this.#child = undefined
      return `${cause}\n${(await said()).trim().split('\n').slice(-8).join('\n')}`
    } finally {
      await log.close()
    }
  }
}

/** Several statements answer a list, with rows or a summary for each. */
function isListOfAnswers(answer: readonly unknown[] | object): answer is readonly unknown[] {
  return Array.isArray(answer) && answer.some(one => Array.isArray(one) || one?.constructor?.name === 'ResultSetHeader')
}
