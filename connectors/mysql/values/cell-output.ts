import { giveBack } from '../../../runtime/large-memory.ts'
import { writeCellHead, writeU32BE } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'

/** A 32-bit length. */
const HEAD = 5
const FIRST = 16 * 1024
/** More is not kept for the next row. */
const KEPT = 4 * 1024 * 1024

/** Where cells are written, one behind the other; the memory is used again. Values have less than 4 GB. */
export class CellOutput {
  bytes = Buffer.allocUnsafeSlow(FIRST)
  at = 0

  /** What was written is done with; memory of a large value goes. */
  clear(): void {
    this.at = 0
    if (this.bytes.length <= KEPT) return
    giveBack(this.bytes)
    this.bytes = Buffer.allocUnsafeSlow(FIRST)
  }

  /** Makes sure of `size` bytes from `at` on. Take `bytes` anew afterwards. */
  room(size: number): void {
    const needed = this.at + size
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
    this.bytes.copy(larger, 0, 0, this.at)
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
    this.room(HEAD + to - from)
    this.at = writeCellHead(this.bytes, this.at, CellTag.text, to - from)
    bytes.copy(this.bytes, this.at, from, to)
    this.at += to - from
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
    writeU32BE(this.bytes, content - HEAD + 1, this.at - content)
  }
}

/** Letter by letter: a native call costs more for what is short. The caller has made sure of the room. */
export function putAscii(into: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i)
  return at + text.length
}
