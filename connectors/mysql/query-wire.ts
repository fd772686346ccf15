import type { Socket } from 'node:net'
import { TailraceError } from '../../runtime/errors.ts'
import { DirectSocket } from '../common/direct-socket.ts'
import type { MysqlConfig } from './config.ts'
import { connectMysql, type MysqlClient, mysqlAddress, type TextRow } from './connection.ts'
import { mysqlError } from './connection-error.ts'
import { errorPacket } from './error-packet.ts'
import { lengthAt, lengthSize, NULL_VALUE } from './length.ts'
import { PacketReader } from './packets.ts'
import { SNAPSHOT_SESSION } from './values/snapshot-cells.ts'

/**
 * A connection for reading rows in place, without an object for each: mysql2 makes it, with TLS and login, and hands over
 * its socket for good. Statements and their results in text form
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html).
 */

/** Takes the rows of a query as they come. */
export interface RowTaker {
  /** The values of one row, each a length and text; valid until the call ends. */
  row(bytes: Buffer, at: number, end: number): void
  /** Called behind each piece of the stream: a promise keeps the server waiting until it resolves. */
  pause(): Promise<void> | undefined
}

const COM_QUERY = 0x03
const OK = 0x00
const EOF = 0xfe
const ERROR = 0xff
/** A packet of the end has less; a row that begins with the same byte has a value of more than 16 MB. */
const EOF_MOST = 9
const SERVER_MORE_RESULTS = 0x0008
/** Room for a row's other values beside the largest one. */
const ROW_ROOM = 16 * 1024 * 1024

interface Pending {
  readonly taker: RowTaker
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  /** Of the result: before its head, its columns (so many to come), its rows. */
  state: 'head' | 'columns' | 'rows'
  columns: number
}

export class QueryWire {
  readonly client: MysqlClient
  readonly #config: MysqlConfig
  readonly #stream: Socket
  readonly #packets: PacketReader
  #pending: Pending | undefined
  #failure: unknown

  private constructor(client: MysqlClient, config: MysqlConfig, direct: DirectSocket) {
    this.client = client
    this.#config = config
    this.#stream = client.stream
    this.#packets = new PacketReader(
      (bytes, at, end) => this.#packet(bytes, at, end),
      2 * config.maxValueBytes + ROW_ROOM,
    )
    const stream = this.#stream
    stream.removeAllListeners('data')
    if (stream === direct.socket) direct.takeOver((bytes, length) => this.#take(bytes, length))
    else
      stream.on('data', (bytes: Buffer) => {
        if (!this.#take(bytes, bytes.length)) stream.pause()
      })
    stream.on('error', error => this.#fail(error))
    stream.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** Throws as mysqlError says. The connection ends with `signal`. */
  static async open(config: MysqlConfig, name: string, signal: AbortSignal): Promise<QueryWire> {
    const direct = new DirectSocket()
    const client = await connectMysql(config, name, signal, direct)
    await client.query(SNAPSHOT_SESSION)
    return new QueryWire(client, config, direct)
  }

  /** All rows of a statement whose result is small. */
  async query(sql: string): Promise<TextRow[]> {
    const rows: TextRow[] = []
    await this.rows(sql, { row: (bytes, at, end) => void rows.push(textRow(bytes, at, end)), pause: () => undefined })
    return rows
  }

  /**
   * Hands over the rows of a statement in place. One at a time. Rejects with what the server reports, as mysqlError says,
   * or the taker throws; the connection is then of no use unless the server reported it.
   */
  async rows(sql: string, taker: RowTaker): Promise<void> {
    if (this.#failure !== undefined) throw mysqlError(this.#failure, mysqlAddress(this.#config))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#pending = { taker, resolve, reject, state: 'head', columns: 0 }
    const text = Buffer.from(sql, 'utf8')
    const head = Buffer.alloc(5)
    head.writeUIntLE(text.length + 1, 0, 3)
    head[4] = COM_QUERY
    this.#packets.asked()
    this.#stream.write(Buffer.concat([head, text]))
    await promise
  }

  destroy(): void {
    this.client.destroy()
  }

  #take(bytes: Buffer, length: number): boolean {
    try {
      this.#packets.feed(bytes, 0, length)
      const pause = this.#pending?.taker.pause()
      pause?.then(
        () => this.#stream.resume(),
        (error: unknown) => this.#fail(error),
      )
      return pause === undefined
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  #packet(bytes: Buffer, at: number, end: number): boolean {
    const pending = this.#pending
    if (pending === undefined) throw protocolError('something that nobody asked for')
    const first = bytes[at]
    if (pending.state === 'rows') {
      if (first === EOF && end - at < EOF_MOST) this.#ended(pending, bytes.readUInt16LE(at + 3))
      else if (first === ERROR) this.#refused(pending, bytes, at, end)
      else pending.taker.row(bytes, at, end)
    } else if (pending.state === 'head') {
      if (first === ERROR) this.#refused(pending, bytes, at, end)
      else if (first === OK) this.#ended(pending, 0)
      else {
        pending.columns = lengthAt(bytes, at, end)
        pending.state = 'columns'
      }
    } else if (pending.columns > 0) pending.columns--
    else pending.state = 'rows'
    return true
  }

  #ended(pending: Pending, status: number): void {
    if ((status & SERVER_MORE_RESULTS) !== 0) throw protocolError('more than one result')
    this.#pending = undefined
    pending.resolve()
  }

  #refused(pending: Pending, bytes: Buffer, at: number, end: number): void {
    this.#pending = undefined
    pending.reject(mysqlError(errorPacket(bytes, at, end), mysqlAddress(this.#config)))
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.client.destroy()
    const pending = this.#pending
    this.#pending = undefined
    pending?.reject(mysqlError(error, mysqlAddress(this.#config)))
  }
}

function textRow(bytes: Buffer, at: number, end: number): TextRow {
  const row: (string | null)[] = []
  for (let from = at; from < end; ) {
    if (bytes[from] === NULL_VALUE) {
      row.push(null)
      from++
      continue
    }
    const length = lengthAt(bytes, from, end)
    from += lengthSize(bytes[from]!)
    row.push(bytes.toString('utf8', from, from + length))
    from += length
  }
  return row
}

function protocolError(what: string): TailraceError {
  return new TailraceError('SOURCE_PROTOCOL', 'retry', `The server sent ${what}.`, {
    hint: 'Something between Tailrace and the server changes the bytes. Connect to the server directly.',
  })
}
