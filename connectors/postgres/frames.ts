import { TailraceError } from '../../runtime/errors.ts'
import { giveBack } from '../../runtime/large-memory.ts'
import { readU32BE } from '../../runtime/record/cells.ts'

/** Type byte, and a length that counts itself. */
const HEAD = 5
const SMALL = 64 * 1024

/**
 * Takes one protocol message: its type byte and its body, valid during the call. False: it cannot go on yet and wants
 * the same message again at `resume`.
 */
export type FrameHandler = (type: number, bytes: Buffer, at: number, end: number) => boolean

/**
 * Cuts a stream of reads into protocol messages, in place. A message that spans reads is assembled once, in memory
 * bounded by `limit`.
 */
export class FrameReader {
  readonly #handle: FrameHandler
  readonly #limit: number
  /** The read in hand, and what of it is still to be walked. */
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #carry: Buffer = Buffer.alloc(0)
  #carried = 0

  constructor(handle: FrameHandler, limit: number) {
    this.#handle = handle
    this.#limit = limit
  }

  /**
   * False: the handler asked to wait; the bytes must stay as they are until `resume` has answered true.
   * Throws VALUE_TOO_LARGE, SOURCE_PROTOCOL and whatever the handler throws.
   */
  feed(bytes: Buffer, at: number, end: number): boolean {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    return this.resume()
  }

  /** Goes on where the handler had to wait. */
  resume(): boolean {
    if (this.#carried > 0) {
      if (!this.#fill(HEAD)) return true
      const length = this.#length(this.#carry, 0)
      if (!this.#fill(length)) return true
      if (!this.#handle(this.#carry[0]!, this.#carry, HEAD, length)) return false
      this.#carried = 0
      if (this.#carry.length > SMALL) {
        giveBack(this.#carry)
        this.#carry = Buffer.allocUnsafeSlow(SMALL)
      }
    }
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#at
    while (end - at >= HEAD) {
      const next = at + this.#length(bytes, at)
      if (next > end) break
      if (!this.#handle(bytes[at]!, bytes, at + HEAD, next)) {
        this.#at = at
        return false
      }
      at = next
    }
    this.#at = at
    if (at < end) this.#fill(end - at)
    return true
  }

  /** Moves bytes of the read in hand behind the carried ones until there are `wanted`. */
  #fill(wanted: number): boolean {
    if (this.#carry.length < wanted) {
      const grown = Buffer.allocUnsafeSlow(Math.max(SMALL, wanted))
      this.#carry.copy(grown, 0, 0, this.#carried)
      this.#carry = grown
    }
    const moved = Math.min(wanted - this.#carried, this.#end - this.#at)
    if (moved > 0) {
      this.#bytes.copy(this.#carry, this.#carried, this.#at, this.#at + moved)
      this.#carried += moved
      this.#at += moved
    }
    return this.#carried >= wanted
  }

  /** Of the whole message, checked. */
  #length(bytes: Buffer, at: number): number {
    const length = readU32BE(bytes, at + 1)
    if (length < 4)
      throw new TailraceError('SOURCE_PROTOCOL', 'retry', `The server sent a message of impossible length ${length}.`, {
        hint: 'Something between Tailrace and the server changes the bytes. Connect to the server directly.',
      })
    if (length > this.#limit)
      throw new TailraceError(
        'VALUE_TOO_LARGE',
        'stop',
        `The server sent a row of ${length} bytes; the limit is ${this.#limit}.`,
        { hint: 'Raise `maxValueBytes` of the source, or leave the column out with `columns.exclude`.' },
      )
    return 1 + length
  }
}
