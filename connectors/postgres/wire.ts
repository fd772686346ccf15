import type { Socket } from 'node:net'
import type pg from 'pg'
import { DirectSocket, READ_BUFFER } from '../common/direct-socket.ts'
import type { PostgresConfig } from './config.ts'
import { postgresError } from './connection.ts'
import { FrameReader } from './frames.ts'
import { statusMessage } from './keepalive.ts'
import { Pacing } from './pacing.ts'
import { protocolError } from './relation.ts'
import { connectReplication } from './replication.ts'
import { readErrorFields, serverEnded, streamError } from './server-error.ts'

/** Takes what the server streams. Called while bytes are read: everything here returns at once. */
export interface StreamReader {
  /** One message of the decoding plugin, valid during the call. False: wait for `pending`, then give it again. */
  message(bytes: Buffer, at: number, end: number): boolean
  pending(): Promise<void>
  /** The server has sent everything before `walEnd`; `asked`: it wants a status at once. */
  keepalive(walEnd: bigint, asked: boolean): void
  /** All that had arrived has been given. False: read no further until `Wire.resume`. */
  arrived(): boolean
  /** The connection has ended, by fault or by the server. Called once, not after `close`. */
  ended(error: unknown): void
}

/** Letters of protocol messages. */
const COPY_DATA = 0x64
const COPY_DONE = 0x63
const ERROR = 0x45
const XLOG_DATA = 0x77
const KEEPALIVE = 0x6b

/** 'w', where the data begins, where the log ends, and the time. */
const XLOG_HEAD = 25
/** Room for a row's other values and heads beside the largest one. */
const FRAME_ROOM = 1024 * 1024
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])
const CLOSE_MS = 1000

/** Reasons not to read, as bits. */
const RESTING = 1
const PAUSED = 2
const PENDING = 4
type Hold = typeof RESTING | typeof PAUSED | typeof PENDING

/**
 * A replication connection: `pg` makes it, with TLS and login; then its socket is read here, message by message in
 * place. Not reading is the back-pressure; writing never waits for it.
 */
export class Wire {
  readonly client: pg.Client
  readonly #config: PostgresConfig
  readonly #source: string
  readonly #direct: DirectSocket
  readonly #pacing: Pacing
  readonly #frames: FrameReader
  #reader: StreamReader | undefined
  #stream: Socket
  #holds = 0
  #restTimer: NodeJS.Timeout | undefined
  #turnBytes = 0
  #lastRead = performance.now()
  #closed = false

  private constructor(client: pg.Client, config: PostgresConfig, source: string, direct: DirectSocket) {
    this.client = client
    this.#source = source
    this.#config = config
    this.#direct = direct
    this.#stream = client.connection.stream as Socket
    // A unix socket's buffer is too small to rest on.
    const isUnix = (client as pg.Client & { host: string }).host.startsWith('/')
    this.#pacing = new Pacing(isUnix ? 0 : config.coalesce)
    this.#frames = new FrameReader(
      (type, bytes, at, end) => this.#frame(type, bytes, at, end),
      config.maxValueBytes + FRAME_ROOM,
    )
    client.on('error', error => this.#fail(error))
  }

  /**
   * Logged in, not streaming yet: `client` takes queries. `name`: how the connection is called at the server; `source`: how
   * the source is. Throws as postgresError says.
   */
  static async open(config: PostgresConfig, name: string, source: string, signal: AbortSignal): Promise<Wire> {
    const direct = new DirectSocket()
    const client = await connectReplication(config, name, signal, direct.socket)
    return new Wire(client, config, source, direct)
  }

  /** Milliseconds since bytes last came, or 0 while we do not read. */
  get silence(): number {
    return this.#holds === 0 ? performance.now() - this.#lastRead : 0
  }

  /** Sends START_REPLICATION; from here on `reader` gets what comes. */
  start(command: string, reader: StreamReader): void {
    this.#reader = reader
    this.#lastRead = performance.now()
    this.client.connection.query(command)
    // In the same tick, so that nothing of the answer can have been read by the driver.
    this.#stream.removeAllListeners('data')
    if (this.#stream === this.#direct.socket)
      this.#direct.takeOver((bytes, length) => {
        this.#take(bytes, length)
        this.#afterTurn(length)
        return this.#holds === 0
      })
    else this.#stream.on('data', chunk => this.#takeRecord(chunk as Buffer))
  }

  /** Reading may go on after `arrived` answered false. */
  resume(): void {
    this.#release(PAUSED)
  }

  /** Standby status: written so far, durable so far; `ask`: the server is to answer with a keepalive. */
  sendStatus(written: bigint, durable: bigint, ask: boolean): void {
    if (!this.#closed) this.#stream.write(statusMessage(written, durable, ask))
  }

  /** Tells the server what is durable and ends the connection. Returns when the server has let go, or after a second. */
  async close(written: bigint, durable: bigint): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#restTimer)
    const stream = this.#stream
    if (stream.destroyed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, CLOSE_MS)
    stream.once('close', resolve)
    stream.end(Buffer.concat([statusMessage(written, durable, false), TERMINATE]))
    this.#holds = 0
    this.#readOn()
    await promise
    clearTimeout(timer)
    stream.destroy()
  }

  /** TLS: one record, and one event, for each message. What counts as a read is a turn of the event loop. */
  #takeRecord(chunk: Buffer): void {
    this.#take(chunk, chunk.length)
    if (this.#turnBytes === 0)
      setImmediate(() => {
        this.#afterTurn(this.#turnBytes)
        this.#turnBytes = 0
        if (this.#holds !== 0) this.#stopReading()
      })
    this.#turnBytes += chunk.length
    if (this.#holds !== 0) this.#stopReading()
  }

  #take(bytes: Buffer, length: number): void {
    this.#lastRead = performance.now()
    if (this.#closed) return
    try {
      if (!this.#frames.feed(bytes, 0, length)) this.#waitForReader()
    } catch (error) {
      this.#fail(error)
    }
  }

  #afterTurn(length: number): void {
    if (this.#closed) return
    if (!this.#reader!.arrived()) this.#holds |= PAUSED
    const rest = this.#pacing.afterRead(length >= READ_BUFFER, this.#lastRead)
    if (rest === 0) return
    this.#holds |= RESTING
    this.#restTimer = setTimeout(() => this.#release(RESTING), rest)
  }

  #waitForReader(): void {
    this.#holds |= PENDING
    this.#reader!.pending().then(
      () => {
        if (this.#closed) return
        try {
          if (!this.#frames.resume()) return this.#waitForReader()
        } catch (error) {
          return this.#fail(error)
        }
        if (!this.#reader!.arrived()) this.#holds |= PAUSED
        this.#release(PENDING)
      },
      error => this.#fail(error),
    )
  }

  #release(hold: Hold): void {
    if ((this.#holds & hold) === 0) return
    this.#holds &= ~hold
    if (this.#holds !== 0) return
    this.#lastRead = performance.now()
    this.#readOn()
  }

  #frame(type: number, bytes: Buffer, at: number, end: number): boolean {
    if (type === COPY_DATA) {
      const kind = bytes[at]
      if (kind === XLOG_DATA) return this.#reader!.message(bytes, at + XLOG_HEAD, end)
      if (kind !== KEEPALIVE) throw protocolError(`a copy message of the unknown type ${kind}`)
      this.#reader!.keepalive(bytes.readBigUInt64BE(at + 1), bytes[at + 17] === 1)
      return true
    }
    if (type === ERROR) throw streamError(readErrorFields(bytes, at, end), this.#config, this.#source)
    if (type === COPY_DONE) throw serverEnded()
    return true
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#restTimer)
    this.#stream.destroy()
    this.#reader?.ended(postgresError(error, this.#config))
  }

  /** Under TLS `pause` alone would go on reading into the stream's own buffer. */
  #stopReading(): void {
    this.#stream.pause()
    const handle = handleOf(this.#stream)
    if (handle === undefined) return
    handle.reading = false
    handle.readStop()
  }

  #readOn(): void {
    if (this.#stream.destroyed) return
    this.#stream.resume()
    const handle = handleOf(this.#stream)
    if (handle === undefined || handle.reading) return
    handle.reading = true
    handle.readStart()
  }
}

interface Handle {
  reading: boolean
  readStart(): number
  readStop(): number
}

/** Node's own handle of a socket. Not public: without it, TLS only rests less well. */
function handleOf(stream: Socket): Handle | undefined {
  const { _handle: handle } = stream as Socket & { _handle?: Handle | null }
  return typeof handle?.readStop === 'function' ? handle : undefined
}
