import type pg from 'pg'
import { readU32BE } from '../../runtime/record/cells.ts'
import type { DirectSocket } from './socket.ts'

/** Takes the rows of a COPY as they come. */
export interface RowTaker {
  /** Room to leave in front of a row that is handed over in a buffer of its own (see `row`). */
  readonly headroom: number
  /**
   * One row without its newline. `own`: nothing else stands in the buffer, and `headroom` bytes before `at` are free.
   * Valid until the call ends.
   */
  row(bytes: Buffer, at: number, end: number, own: boolean): void
  /** Called behind each piece of the stream: a promise keeps the server waiting until it resolves. */
  pause(): Promise<void> | undefined
}

const COPY_DATA = 0x64
const FRAME_HEAD = 5

/** A connection that COPY runs on. Its socket is read in place where TLS does not stand between. */
export interface CopyConnection {
  readonly client: pg.Client
  readonly direct: DirectSocket
}

/**
 * Runs `COPY … TO STDOUT` and hands over its rows in place: what pg would make an object of for each row is taken from
 * its socket before it, everything else passes on to its own parser. Rejects with what the server, the taker or the
 * socket reports; the connection is then destroyed unless the server reported it.
 */
export async function copyOut({ client, direct }: CopyConnection, sql: string, taker: RowTaker): Promise<void> {
  const { stream } = client.connection
  const parsers = stream.listeners('data') as ((bytes: Buffer) => void)[]
  const frames = new Frames(taker, bytes => {
    for (const parse of parsers) parse(bytes)
  })
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown): void => {
    failure ??= { error }
    stream.destroy()
  }
  /** Answers whether to read on. */
  const take = (bytes: Buffer): boolean => {
    try {
      frames.add(bytes)
      const pause = taker.pause()
      pause?.then(() => stream.resume(), fail)
      return pause === undefined
    } catch (error) {
      fail(error)
      return false
    }
  }
  const onData = (bytes: Buffer): void => {
    if (!take(bytes)) stream.pause()
  }
  for (const parse of parsers) stream.off('data', parse)
  if (stream === direct.socket) direct.takeOver((bytes, length) => take(bytes.subarray(0, length)))
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

/** Cuts the server's bytes into messages. */
class Frames {
  readonly #taker: RowTaker
  readonly #pass: (bytes: Buffer) => void
  /** A message that is not whole yet: its bytes so far, and how many it will have. */
  #partial: Buffer | undefined
  #at = 0
  #filled = 0
  #size = 0
  /** The head of a message that was cut inside it. */
  #head: Buffer | undefined

  constructor(taker: RowTaker, pass: (bytes: Buffer) => void) {
    this.#taker = taker
    this.#pass = pass
  }

  add(piece: Buffer): void {
    let at = 0
    if (this.#partial !== undefined) at = this.#fill(piece)
    let bytes = piece
    if (this.#head !== undefined) {
      bytes = Buffer.concat([this.#head, piece])
      this.#head = undefined
    }
    while (at < bytes.length) {
      if (bytes.length - at < FRAME_HEAD) {
        this.#head = Buffer.from(bytes.subarray(at))
        return
      }
      const end = at + 1 + readU32BE(bytes, at + 1)
      if (end > bytes.length) this.#begin(bytes, at, end - at)
      else if (bytes[at] === COPY_DATA) this.#taker.row(bytes, at + FRAME_HEAD, end - 1, false)
      else this.#pass(bytes.subarray(at, end))
      at = end
    }
  }

  #begin(bytes: Buffer, at: number, size: number): void {
    const room = this.#taker.headroom
    this.#partial = Buffer.allocUnsafeSlow(room + size)
    this.#at = room
    this.#size = size
    this.#filled = bytes.copy(this.#partial, room, at)
  }

  /** Answers how much of the piece was needed. */
  #fill(piece: Buffer): number {
    const partial = this.#partial!
    const taken = piece.copy(partial, this.#at + this.#filled, 0, this.#size - this.#filled)
    this.#filled += taken
    if (this.#filled < this.#size) return taken
    this.#partial = undefined
    const end = this.#at + this.#size
    if (partial[this.#at] === COPY_DATA) this.#taker.row(partial, this.#at + FRAME_HEAD, end - 1, true)
    else this.#pass(partial.subarray(this.#at, end))
    return taken
  }
}
