import type { Socket } from 'node:net'
import { TailraceError } from '../../runtime/errors.ts'
import { DirectSocket } from '../common/direct-socket.ts'
import type { MysqlConfig } from './config.ts'
import { connectMysql, type MysqlClient, mysqlAddress } from './connection.ts'
import { mysqlError, ServerError, serverErrno } from './connection-error.ts'
import { type DumpOptions, dumpCommand, dumpSettings } from './dump.ts'
import { errorPacket, type ServerReport } from './error-packet.ts'
import { purgedError, resyncHint } from './lineage.ts'
import { PacketReader } from './packets.ts'

/** Takes what the server streams. Called while bytes are read: everything here returns at once. */
export interface EventTaker {
  /** One event of the binary log, valid during the call. False: wait for `pending`, then give it again. */
  event(bytes: Buffer, at: number, end: number): boolean
  pending(): Promise<void>
  /** All that had arrived has been given. False: read no further until `DumpWire.resume`. */
  arrived(): boolean
  /** The connection has ended, by fault or by the server. Called once, not after `close`. */
  ended(error: unknown): void
}

const OK = 0x00
const EOF = 0xfe
const ERROR = 0xff
/** An event holds a row before and after, and other rows beside it. */
const EVENT_ROOM = 64 * 1024 * 1024

/** Reasons not to read, as bits. */
const PAUSED = 1
const PENDING = 2

/**
 * A connection that streams the binary log: mysql2 makes it, with TLS and login; then its socket is read here, event by
 * event in place. Not reading is the back-pressure: the server waits.
 */
export class DumpWire {
  readonly client: MysqlClient
  readonly #config: MysqlConfig
  readonly #source: string
  readonly #direct: DirectSocket
  readonly #stream: Socket
  readonly #packets: PacketReader
  #taker: EventTaker | undefined
  #holds = 0
  #lastRead = performance.now()
  #closed = false

  private constructor(client: MysqlClient, config: MysqlConfig, source: string, direct: DirectSocket) {
    this.client = client
    this.#config = config
    this.#source = source
    this.#direct = direct
    this.#stream = client.stream
    this.#packets = new PacketReader(
      (bytes, at, end) => this.#packet(bytes, at, end),
      2 * config.maxValueBytes + EVENT_ROOM,
    )
  }

  /** Logged in, not streaming yet. Throws as mysqlError says. */
  static async open(config: MysqlConfig, name: string, source: string, signal: AbortSignal): Promise<DumpWire> {
    const direct = new DirectSocket()
    return new DumpWire(await connectMysql(config, name, signal, direct), config, source, direct)
  }

  /** Milliseconds since bytes last came, or 0 while we do not read. */
  get silence(): number {
    return this.#holds === 0 ? performance.now() - this.#lastRead : 0
  }

  /** From here on `taker` gets what comes. */
  async start(options: DumpOptions, taker: EventTaker): Promise<void> {
    for (const sql of dumpSettings(this.client, options)) await this.client.query(sql)
    this.#taker = taker
    this.#lastRead = performance.now()
    const stream = this.#stream
    stream.removeAllListeners('data')
    if (stream === this.#direct.socket)
      this.#direct.takeOver((bytes, length) => {
        this.#take(bytes, length)
        return this.#holds === 0
      })
    else
      stream.on('data', (bytes: Buffer) => {
        this.#take(bytes, bytes.length)
        if (this.#holds !== 0) stream.pause()
      })
    stream.on('error', error => this.#fail(error))
    stream.on('close', () => this.#fail(new Error('the connection was closed')))
    stream.write(dumpCommand(options))
  }

  /** Reading may go on after `arrived` answered false. */
  resume(): void {
    this.#release(PAUSED)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.client.destroy()
  }

  #take(bytes: Buffer, length: number): void {
    this.#lastRead = performance.now()
    if (this.#closed) return
    try {
      if (!this.#packets.feed(bytes, 0, length)) this.#waitForTaker()
      if (!this.#closed && !this.#taker!.arrived()) this.#holds |= PAUSED
    } catch (error) {
      this.#fail(error)
    }
  }

  #waitForTaker(): void {
    this.#holds |= PENDING
    this.#taker!.pending().then(
      () => {
        if (this.#closed) return
        try {
          if (!this.#packets.resume()) return this.#waitForTaker()
          if (!this.#taker!.arrived()) this.#holds |= PAUSED
        } catch (error) {
          return this.#fail(error)
        }
        this.#release(PENDING)
      },
      error => this.#fail(error),
    )
  }

  #release(hold: number): void {
    if ((this.#holds & hold) === 0) return
    this.#holds &= ~hold
    if (this.#holds === 0 && !this.#closed) {
      this.#lastRead = performance.now()
      this.#stream.resume()
    }
  }

  #packet(bytes: Buffer, at: number, end: number): boolean {
    const first = bytes[at]
    if (first === OK) return this.#taker!.event(bytes, at + 1, end)
    if (first === ERROR) throw dumpError(errorPacket(bytes, at, end), this.#config, this.#source)
    if (first === EOF)
      throw new TailraceError('SOURCE_UNREACHABLE', 'retry', 'The server has ended the stream of its binary log.', {
        hint: 'It is shutting down. It is tried again until it answers.',
      })
    throw new TailraceError('SOURCE_PROTOCOL', 'retry', `The server sent a packet of the unknown kind ${first}.`, {
      hint: 'Something between Tailrace and the server changes the bytes. Connect to the server directly.',
    })
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.close()
    this.#taker!.ended(mysqlError(error, mysqlAddress(this.#config)))
  }
}

/** What the server reports in place of its log; MariaDB has a number of its own for a clash of ids. */
const MARIADB_CLASH = 4052

function dumpError(report: ServerReport, config: MysqlConfig, source: string): TailraceError {
  const text = report.message
  const errno = serverErrno(report)
  if (errno === MARIADB_CLASH || /same server_(uu)?id/i.test(text))
    return new TailraceError('SERVER_ID_CLASH', 'retry', `Another replica reads under the same id: ${text}`, {
      hint: 'Does the same pipeline run twice? Else give the source a `serverId` that no other replica of the server has.',
      cause: report,
    })
  if (
    errno === ServerError.masterFatal &&
    /purged|could not find first log|GTIDs that the (slave|replica) requires/i.test(text)
  )
    return purgedError('What follows the log is no longer in the server’s binary log', source)
  if (errno === ServerError.masterFatal && /max_allowed_packet/i.test(text))
    return new TailraceError('VALUE_TOO_LARGE', 'stop', `The server cannot send an event: ${text}`, {
      hint: 'SET GLOBAL replica_max_allowed_packet = 1073741824 (slave_max_allowed_packet in MariaDB), then start again.',
      cause: report,
    })
  if (errno === ServerError.masterFatal)
    return new TailraceError('SOURCE_BINLOG', 'stop', `The server cannot send its binary log: ${text}`, {
      hint: resyncHint(source),
      cause: report,
    })
  return mysqlError(report, mysqlAddress(config))
}
