/** Kafka brokers for tests: a real one, on its own ports, gone with the test. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../../runtime/demo/free-port.ts'
import { makeCertificate } from '../certificate.ts'
import { ServerFolder } from '../server-folder.ts'
import { kafkaPrograms } from './kafka-programs.ts'

const START_SECONDS = 60
const JVM = ['-Xmx512m', '-XX:TieredStopAtLevel=1']
const LISTENERS = ['plain', 'login', 'tls', 'controller'] as const
type Listener = (typeof LISTENERS)[number]
export const USER = 'app'
export const PASSWORD = 'pass/word:1'

export async function startKafka(): Promise<KafkaServer> {
  const programs = await kafkaPrograms()
  return await ServerFolder.with('tailrace-kafka-', async folder => {
    const ports = Object.fromEntries(
      await Promise.all(LISTENERS.map(async name => [name, await freePort()] as const)),
    ) as Record<Listener, number>
    const server = new KafkaServer(folder, programs.java.home, await folder.reach(programs.home), ports)
    await server.prepare()
    await server.start()
    return server
  })
}

export class KafkaServer implements AsyncDisposable {
  readonly #folder: ServerFolder
  readonly #java: string
  readonly #jars: string
  readonly #ports: Readonly<Record<Listener, number>>
  #child: ChildProcess | undefined

  constructor(folder: ServerFolder, java: string, jars: string, ports: Readonly<Record<Listener, number>>) {
    this.#folder = folder
    this.#java = java
    this.#jars = jars
    this.#ports = ports
  }

  /** Of the listener that asks for no login and no encryption. */
  get broker(): string {
    return `127.0.0.1:${this.#ports.plain}`
  }

  get url(): string {
    return `kafka://${this.broker}`
  }

  /** Of the listener where `login` is asked for. */
  loginUrl(login = `${USER}:${encodeURIComponent(PASSWORD)}`): string {
    return `kafka://${login}@127.0.0.1:${this.#ports.login}`
  }

  /** Of the one that speaks TLS besides. */
  tlsUrl(parameters: string): string {
    return `kafka://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${this.#ports.tls}?${parameters}`
  }

  /** Its root certificate. */
  get certificate(): string {
    return join(this.#folder.path, 'server.crt')
  }

  async prepare(): Promise<void> {
    await writeFile(this.#settingsFile, await this.#settings())
    await this.#folder.own(this.#folder.path)
    const scram = `SCRAM-SHA-512=[name=${USER},password=${PASSWORD}]`
    const id = randomBytes(16).toString('base64url')
    const args = ['format', '--cluster-id', id, '--config', this.#settingsFile, '--add-scram', scram]
    await this.#folder.run(this.#program('kafka.tools.StorageTool'), args)
  }

  /** Returns once it answers, on the ports that it had before. */
  async start(): Promise<void> {
    const child = await this.#folder.start(this.#program('kafka.Kafka'), [this.#settingsFile])
    this.#child = child
    const deadline = Date.now() + START_SECONDS * 1000
    while (!(await this.#listens())) {
      const hasEnded = child.exitCode !== null || child.signalCode !== null
      if (hasEnded || Date.now() > deadline) throw new Error(`Kafka did not start\n${await this.#folder.lastLines()}`)
      await sleep(100)
    }
    child.unref()
  }

  /** As a crash; `start` then recovers. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  get #settingsFile(): string {
    return join(this.#folder.path, 'server.properties')
  }

  #program(main: string): readonly [string, ...string[]] {
    return [join(this.#java, 'bin', 'java'), ...JVM, '-cp', join(this.#jars, '*'), main]
  }

  async #settings(): Promise<string> {
    const { key, certificate } = makeCertificate(this.#folder.path)
    const pem = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim().replaceAll('\n', '\\n')
    const { plain, login, tls, controller } = this.#ports
    const open = `PLAIN://127.0.0.1:${plain},LOGIN://127.0.0.1:${login},TLS://127.0.0.1:${tls}`
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
    return Object.entries({
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `${open},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': open,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAIN',
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAIN:PLAINTEXT,LOGIN:SASL_PLAINTEXT,TLS:SASL_SSL',
      'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
      'listener.name.login.scram-sha-512.sasl.jaas.config': scram,
      'listener.name.tls.scram-sha-512.sasl.jaas.config': scram,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.key': await pem(key),
      'ssl.keystore.certificate.chain': await pem(certificate),
      'log.dirs': join(this.#folder.path, 'data'),
      'auto.create.topics.enable': false,
      'offsets.topic.replication.factor': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
    })
      .map(([name, value]) => `${name}=${value}\n`)
      .join('')
  }

  /** The broker opens its listeners once it serves. */
  #listens(): Promise<boolean> {
    return new Promise(resolve => {
      const socket = connect(this.#ports.plain, '127.0.0.1')
      const end = (listens: boolean) => (): void => {
        socket.destroy()
        resolve(listens)
      }
      socket.once('connect', end(true))
      socket.once('error', end(false))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await this.#folder[Symbol.asyncDispose]()
  }
}
