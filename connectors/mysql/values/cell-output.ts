import { giveBack } from '../../../runtime/large-memory.ts'
import { writeCellHead } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { Words } from '../../../runtime/record/words.ts'

/** A 32-bit length. */
const HEAD = 5
const FIRST = 16 * 1024
/** More is not kept for the next row. */
const KEPT = 4 * 1024 * 1024

/** Values up to this length are copied here: a native call costs more than it saves. */
const SHORT = 512
const NOT_ASCII = 0x8080_8080

/**
 * Where cells are written, one behind the other: in memory of its own, which is used again, or in somebody else's. Values
 * have less than 4 GB.
 */
export class CellOutput {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST)
  at = 0
  readonly #words = new Words()
  /** Where the first cell begins. */
  #from = 0
  #placedIn: Buffer | undefined
  #placedTo = 0
  readonly #source = new Words()

  /** What was written is done with; memory of a large value goes. */
  clear(): void {
    this.at = 0
    this.#from = 0
    if (this.bytes.length <= KEPT) return
    giveBack(this.bytes)
    this.bytes = Buffer.allocUnsafeSlow(FIRST)
  }

  /**
   * Cells go into `size` bytes of `bytes`, from `at` on; if they need more than `bytes` has, into memory of its own, at the
   * same place. Not to be mixed with `clear`, which may give the memory back.
   */
  place(bytes: Buffer, at: number, size: number): void {
    this.bytes = bytes
    this.#from = at
    this.at = at
    this.#placedIn = bytes
    this.#placedTo = at + size
  }

  /** All that was written since `place` stands there. */
  get isPlaced(): boolean {
    return this.bytes === this.#placedIn && this.at <= this.#placedTo
  }

  /** Makes sure of `size` bytes from `at` on. Take `bytes` anew afterwards. */
  room(size: number): void {
    const needed = this.at + size
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
    this.bytes.copy(larger, this.#from, this.#from, this.at)
    this.bytes = larger
  }

  null(): void {
    this.room(1)
    this.bytes[this.at++] = CellTag.null
  }

  absent(): void {
    this.room(1)
    this.bytes[this.at++] = CellTag.absent
  }

  /** The bytes from `from` to `to` are UTF-8 text. */
  copy(bytes: Buffer, from: number, to: number): void {
    if (to - from <= SHORT) {
      this.#copyShort(bytes, from, to)
      return
    }
    this.room(HEAD + to - from)
    this.at = writeCellHead(this.bytes, this.at, CellTag.text, to - from)
    bytes.copy(this.bytes, this.at, from, to)
    this.at += to - from
  }

  /** Whether the bytes from `from` to `to` are a text of ASCII that is not long. Only then it is written. */
  copyAscii(bytes: Buffer, from: number, to: number): boolean {
    const before = this.at
    if (to - from > SHORT) return false
    if (this.#copyShort(bytes, from, to)) return true
    this.at = before
    return false
  }

  /** Answers whether no byte is beyond ASCII. Four bytes at once, from any place: that is what a DataView can. */
  #copyShort(bytes: Buffer, from: number, to: number): boolean {
    this.room(HEAD + to - from)
    const content = this.begin()
    const source = this.#source.of(bytes)
    const view = this.#words.of(this.bytes)
    let at = content
    let i = from
    let all = 0
    for (const last = to - 7; i < last; i += 8) {
      const first = source.getInt32(i, true)
      const second = source.getInt32(i + 4, true)
      all |= first | second
      view.setInt32(at, first, true)
      view.setInt32(at + 4, second, true)
      at += 8
    }
    for (; i < to; i++) {
      const byte = bytes[i]!
      all |= byte
      this.bytes[at++] = byte
    }
    this.at = at
    this.end(content)
    return (all & NOT_ASCII) === 0
  }

  /** The bytes from `from` to `to` are those of a text that is none in its character set. */
  raw(bytes: Buffer, from: number, to: number): void {
    this.room(HEAD + to - from)
    this.at = writeCellHead(this.bytes, this.at, CellTag.bytes, to - from)
    bytes.copy(this.bytes, this.at, from, to)
    this.at += to - from
  }

  text(text: string): void {
    const most = 3 * text.length
    this.room(HEAD + most)
    const content = this.begin()
    this.at += this.bytes.write(text, content, most, 'utf8')
    this.end(content)
  }

  /** Text of a few letters, all of them ASCII: faster. */
  ascii(text: string): void {
    this.room(HEAD + text.length)
    const content = this.begin()
    this.at = putAscii(this.bytes, content, text)
    this.end(content)
  }

  /**
   * Begins a text cell whose length is not known yet, and answers where its content begins, which is `at` now. Of
   * `room` for head and content the caller has made sure. `end` closes it.
   */
  begin(): number {
    this.bytes[this.at] = CellTag.text
    this.at += HEAD
    return this.at
  }

  /** `content`: as `begin` answered. The content reaches up to `at`. */
  end(content: number): void {
    this.#words.of(this.bytes).setUint32(content - HEAD + 1, this.at - content)
  }
}

/** Bytes that so many cells hardly exceed, whose values have `length` bytes: as text most become no longer than four times. */
export function likelyRoom(length: number, cells: number): number {
  return 4 * length + 64 * cells
}

/** Letter by letter: a native call costs more for what is short. The caller has made sure of the room. */
export function putAscii(into: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i)
  return at + text.length
}
