import type pg from 'pg'
import type { DirectSocket } from '../common/direct-socket.ts'
import { FrameReader } from './frames.ts'

/** Takes the rows of a query as they come. */
export interface RowTaker {
  /** The body of one DataRow; valid until the call ends. */
  row(bytes: Buffer, at: number, end: number): void
  /** Called behind each piece of the stream: a promise keeps the server waiting until it resolves. */
  pause(): Promise<void> | undefined
}

const DATA_ROW = 0x44
const FRAME_HEAD = 5
/** The server itself allows no row of more than 1 GB; the taker bounds its values. */
const LARGEST_ROW = 2 ** 31

/** A connection that rows are read from. Its socket is read in place where TLS does not stand between. */
export interface RowConnection {
  readonly client: pg.Client
  readonly direct: DirectSocket
}

/**
 * Runs a query and hands over its rows in place: what pg would make an object of for each row is taken from its socket
 * before it, everything else passes on to its own parser. Rejects with what the server, the taker or the socket
 * reports; the connection is then destroyed unless the server reported it.
 */
export async function selectRows({ client, direct }: RowConnection, sql: string, taker: RowTaker): Promise<void> {
  const { stream } = client.connection
  const parsers = stream.listeners('data') as ((bytes: Buffer) => void)[]
  const frames = new FrameReader((type, bytes, at, end) => {
    if (type === DATA_ROW) taker.row(bytes, at, end)
    else for (const parse of parsers) parse(bytes.subarray(at - FRAME_HEAD, end))
    return true
  }, LARGEST_ROW)
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown): void => {
    failure ??= { error }
    stream.destroy()
  }
  /** Answers whether to read on. */
  const take = (bytes: Buffer, length: number): boolean => {
    try {
      frames.feed(bytes, 0, length)
      const pause = taker.pause()
      pause?.then(() => stream.resume(), fail)
      return pause === undefined
    } catch (error) {
      fail(error)
      return false
    }
  }
  const onData = (bytes: Buffer): void => {
    if (!take(bytes, bytes.length)) stream.pause()
  }
  for (const parse of parsers) stream.off('data', parse)
  if (stream === direct.socket) direct.takeOver(take)
  else stream.on('data', onData)
  try {
    await client.query(sql)
  } catch (error) {
    throw failure === undefined ? error : failure.error
  } finally {
    direct.giveBack()
    stream.off('data', onData)
    for (const parse of parsers) stream.on('data', parse)
  }
}
