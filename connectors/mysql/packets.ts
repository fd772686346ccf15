import { TailraceError } from '../../runtime/errors.ts'
import { giveBack } from '../../runtime/large-memory.ts'
import { tooLarge } from './binlog/binlog-error.ts'

/**
 * Takes what one packet holds, or several that belong together; valid during the call. False: it cannot go on yet and
 * wants the same again at `resume`.
 */
export type PacketHandler = (bytes: Buffer, at: number, end: number) => boolean

/** Three bytes of length, one of sequence. */
const HEAD = 4
/** A packet of this length is continued by the next one. */
const LONGEST = 0xff_ffff
const SMALL = 64 * 1024

/**
 * Cuts a stream of reads into what MySQL packets carry
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html), in place. What spans reads or
 * packets is assembled once, in memory bounded by the largest.
 */
export class PacketReader {
  readonly #handle: PacketHandler
  readonly #largest: number
  /** Sequence number of the next packet. */
  #sequence = 1
  /** The read in hand, and what of it is still to be walked. */
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  /** What is being assembled: packets without their heads. */
  #carry: Buffer = Buffer.alloc(0)
  #carried = 0
  /** Of the packet in hand: its head as far as it is there, and the bytes still to come. */
  readonly #head = Buffer.alloc(HEAD)
  #headBytes = 0
  #left = 0
  #isContinued = false
  #isAssembling = false

  /** `largest`: bytes that one may have. */
  constructor(handle: PacketHandler, largest: number) {
    this.#handle = handle
    this.#largest = largest
  }

  /** A command was sent: the packets that answer it are counted anew. */
  asked(): void {
    this.#sequence = 1
  }

  /**
   * False: the handler asked to wait; the bytes must stay as they are until `resume` has answered true. Throws
   * SOURCE_PROTOCOL, VALUE_TOO_LARGE and whatever the handler throws.
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
      if (this.#isAssembling) {
        if (!this.#assemble()) return true
        if (!this.#handle(this.#carry, 0, this.#carried)) return false
        this.#release()
      }
      const bytes = this.#bytes
      const end = this.#end
      let at = this.#at
      while (end - at >= HEAD) {
        const length = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
        const next = at + HEAD + length
        if (length === LONGEST || next > end) break
        if (length > this.#largest) throw tooLarge('a packet', length, this.#largest)
        this.#expect(bytes[at + 3]!)
        if (!this.#handle(bytes, at + HEAD, next)) {
          this.#at = at
          return false
        }
        this.#sequence = (this.#sequence + 1) & 0xff
        at = next
      }
      this.#at = at
      if (at === end) return true
      this.#isAssembling = true
    }
  }

  /** True once all packets of what is being assembled are there. */
  #assemble(): boolean {
    for (;;) {
      if (this.#left === 0 && this.#headBytes < HEAD && !this.#readHead()) return false
      const moved = Math.min(this.#left, this.#end - this.#at)
      this.#bytes.copy(this.#carry, this.#carried, this.#at, this.#at + moved)
      this.#carried += moved
      this.#at += moved
      this.#left -= moved
      if (this.#left > 0) return false
      if (!this.#isContinued) return true
      this.#headBytes = 0
    }
  }

  #readHead(): boolean {
    const moved = Math.min(HEAD - this.#headBytes, this.#end - this.#at)
    this.#bytes.copy(this.#head, this.#headBytes, this.#at, this.#at + moved)
    this.#headBytes += moved
    this.#at += moved
    if (this.#headBytes < HEAD) return false
    const head = this.#head
    this.#expect(head[3]!)
    this.#sequence = (this.#sequence + 1) & 0xff
    this.#left = head.readUIntLE(0, 3)
    this.#isContinued = this.#left === LONGEST
    this.#makeRoom()
    return true
  }

  /** For what the packet in hand adds. One that goes on is at least twice as long when it ends. */
  #makeRoom(): void {
    const needed = this.#carried + this.#left
    if (needed > this.#largest) throw tooLarge('a packet', needed, this.#largest)
    if (needed <= this.#carry.length) return
    const size = this.#isContinued ? Math.min(this.#largest, 2 * needed) : needed
    const larger = Buffer.allocUnsafeSlow(Math.max(SMALL, size))
    this.#carry.copy(larger, 0, 0, this.#carried)
    giveBack(this.#carry)
    this.#carry = larger
  }

  #release(): void {
    this.#isAssembling = false
    this.#headBytes = 0
    this.#carried = 0
    if (this.#carry.length <= SMALL) return
    giveBack(this.#carry)
    this.#carry = Buffer.alloc(0)
  }

  /** A gap means that packets are lost, or not ours. */
  #expect(sequence: number): void {
    if (sequence !== this.#sequence) throw protocolError(`packet ${sequence} instead of ${this.#sequence}`)
  }
}

function protocolError(what: string): TailraceError {
  return new TailraceError('SOURCE_PROTOCOL', 'retry', `The server sent ${what}.`, {
    hint: 'Something between Tailrace and the server changes the bytes. Connect to the server directly.',
  })
}
