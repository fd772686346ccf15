/** Redis servers for tests: a real one for each, on its own port, gone with the test also when this process is killed. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, PORTS } from '../../runtime/demo/free-port.ts'
import { RedisProcess, type RedisProgram } from '../../runtime/demo/redis-process.ts'
import { addressOf } from '../../sinks/redis/address.ts'
import type { Argument } from '../../sinks/redis/commands.ts'
import { Connection } from '../../sinks/redis/connection.ts'
import type { Reply } from '../../sinks/redis/reply.ts'
import { redisProgram } from './cached-redis.ts'
import { makeCertificate } from './certificate.ts'
import { until } from './until.ts'

const never = new AbortController().signal
/** How far above its port a node of a cluster listens for the others. */
const CLUSTER_BUS = 10_000

export interface RedisOptions {
  /** Of the configuration: `{ 'cluster-enabled': 'yes' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Over TLS, with a certificate of its own for 127.0.0.1; needs openssl. */
  readonly tls?: boolean
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-redis-'))
  const server = new RedisServer(await redisProgram(), folder, await portFor(options), options)
  await server.start()
  return server
}

/** The node of a cluster listens on a second port as well, which is no outgoing connection's either then. */
async function portFor({ settings }: RedisOptions): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (settings?.['cluster-enabled'] !== 'yes' || port + CLUSTER_BUS < PORTS.first + PORTS.count) return port
  }
}

export class RedisServer implements AsyncDisposable {
  readonly port: number
  readonly folder: string
  readonly #program: RedisProgram
  readonly #options: RedisOptions
  #process: RedisProcess | undefined

  constructor(program: RedisProgram, folder: string, port: number, options: RedisOptions) {
    this.#program = program
    this.folder = folder
    this.port = port
    this.#options = options
  }

  url(database = 0, login = '', parameters = ''): string {
    const { tls } = this.#options
    const trust = tls === true ? `?sslrootcert=${encodeURIComponent(join(this.folder, 'server.crt'))}` : ''
    return `redis${tls === true ? 's' : ''}://${login}127.0.0.1:${this.port}/${database}${parameters || trust}`
  }

  /** Returns once it answers; with what it saved before. */
  async start(): Promise<void> {
    if (this.#options.tls === true) makeCertificate(this.folder)
    const tls = join(this.folder, 'server')
    const ports =
      this.#options.tls === true
        ? { port: '0', 'tls-port': `${this.port}`, 'tls-cert-file': `${tls}.crt`, 'tls-key-file': `${tls}.key` }
        : { port: `${this.port}` }
    const settings = { 'tls-auth-clients': 'no', databases: '64', ...ports, ...this.#options.settings }
    this.#process = RedisProcess.spawn(this.#program, this.folder, settings)
    await until(() => this.#answers(), 'the Redis server answers')
  }

  async #answers(): Promise<boolean> {
    try {
      await this.command(['PING'])
      return true
    } catch {
      return false
    }
  }

  /** Runs commands on a connection of their own and answers the last one's reply; an error reply is thrown. */
  async command(command: readonly Argument[], database = 0): Promise<Reply> {
    await using connection = await Connection.open(addressOf(this.url(database)), 'test', never)
    return await connection.ask(...command)
  }

  /** The same as text, or lines of text. */
  async text(command: readonly Argument[], database = 0): Promise<string | null> {
    const reply = await this.command(command, database)
    return reply === null ? null : Array.isArray(reply) ? reply.map(String).join('\n') : String(reply)
  }

  /** Ends it like a crash; what was not saved is lost. */
  async kill(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]()
    this.#process = undefined
  }

  /** Copies what the server holds, all databases; answers a function that kills it and starts it on the copy. */
  async backup(): Promise<() => Promise<void>> {
    await this.command(['SAVE'])
    const copy = join(this.folder, 'copy.rdb')
    await cp(join(this.folder, 'dump.rdb'), copy)
    return async () => {
      await this.kill()
      await cp(copy, join(this.folder, 'dump.rdb'))
      await this.start()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }
}
