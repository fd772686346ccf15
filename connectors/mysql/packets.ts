import { TailraceError } from '../../runtime/errors.ts'
import { giveBack } from '../../runtime/large-memory.ts'

/** Three bytes of length, one that counts packets (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html). */
const HEAD = 4
/** A packet of this length goes on in the next one. */
const FULL = 0xff_ffff
const SMALL = 64 * 1024

/** Takes what one packet, or several joined, holds; valid during the call. False: it wants the same again at `resume`. */
export type PacketHandler = (bytes: Buffer, at: number, end: number) => boolean

/**
 * Cuts a stream of reads into packets, in place. What spans reads, or packets, is assembled once, in memory bounded by
 * `limit`.
 */
export class PacketReader {
  readonly #handle: PacketHandler
  readonly #limit: number
  /** The read in hand, and what of it is still to be walked. */
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  /** A head that the read before ended in, and how much of it there is. */
  readonly #head = Buffer.alloc(HEAD)
  #headed = 0
  #carry: Buffer = Buffer.alloc(0)
  #carried = 0
  /** Bytes of the packet at hand that are still to come; -1: none is at hand. */
  #missing = -1
  /** The packet at hand ends what it holds. */
  #isLast = true

  constructor(handle: PacketHandler, limit: number) {
    this.#handle = handle
    this.#limit = limit
  }

  /**
   * False: the handler asked to wait; the bytes must stay as they are until `resume` has answered true. Throws
   * VALUE_TOO_LARGE and whatever the handler throws.
   */
  feed(bytes: Buffer, at: number, end: number): boolean {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    return this.resume()
  }

  /** Goes on where the handler had to wait. */
  resume(): boolean {
    for (;;) {
      if (this.#missing === 0 && this.#isLast) {
        if (!this.#handle(this.#carry, 0, this.#carried)) return false
        this.#carried = 0
        this.#missing = -1
        if (this.#carry.length > SMALL) {
          giveBack(this.#carry)
          this.#carry = Buffer.alloc(0)
        }
      }
      if (this.#missing > 0) {
        if (!this.#assemble()) return true
        continue
      }
      if (this.#headed === 0 && this.#carried === 0) {
        const whole = this.#whole()
        if (whole !== undefined) {
          if (!whole) return false
          continue
        }
      }
      if (!this.#begin()) return true
    }
  }

  /** One packet in place. Undefined: it is not whole here. */
  #whole(): boolean | undefined {
    const at = this.#at + HEAD
    if (at > this.#end) return undefined
    const length = lengthAt(this.#bytes, this.#at)
    if (length === FULL || at + length > this.#end) return undefined
    if (!this.#handle(this.#bytes, at, at + length)) return false
    this.#at = at + length
    return true
  }

  /** Takes the next head. False: the read ends in it. */
  #begin(): boolean {
    while (this.#headed < HEAD && this.#at < this.#end) this.#head[this.#headed++] = this.#bytes[this.#at++]!
    if (this.#headed < HEAD) return false
    this.#headed = 0
    const length = lengthAt(this.#head, 0)
    const size = this.#carried + length
    if (size > this.#limit) throw tooLarge(size, this.#limit)
    this.#missing = length
    this.#isLast = length < FULL
    this.#room(size)
    return true
  }

  #assemble(): boolean {
    const moved = Math.min(this.#missing, this.#end - this.#at)
    this.#bytes.copy(this.#carry, this.#carried, this.#at, this.#at + moved)
    this.#carried += moved
    this.#at += moved
    this.#missing -= moved
    return this.#missing === 0
  }

  #room(size: number): void {
    if (size <= this.#carry.length) return
    // One that goes on is at least twice as long when it ends.
    const grown = Buffer.allocUnsafeSlow(Math.max(SMALL, this.#isLast ? size : 2 * size))
    this.#carry.copy(grown, 0, 0, this.#carried)
    if (this.#carry.length > SMALL) giveBack(this.#carry)
    this.#carry = grown
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
}

function tooLarge(size: number, limit: number): TailraceError {
  return new TailraceError(
    'VALUE_TOO_LARGE',
    'stop',
    `The server sent a row of at least ${size} bytes; the limit is ${limit}.`,
    { hint: 'Raise `maxValueBytes` of the source, or leave the column out with `columns.exclude`.' },
  )
}
