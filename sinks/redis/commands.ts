import type { ChangeView } from '../../runtime/contract.ts'
import { giveBack } from '../../runtime/large-memory.ts'
import { jsonRoom } from '../../runtime/record/json.ts'

/** RESP2, the client's side: commands one behind the other in one growing buffer. */

const FIRST_BYTES = 64 * 1024
/** A buffer that one large value made larger than this is given back. */
const KEPT_BYTES = 4 * 1024 * 1024
/** The server's own limit of a value (proto-max-bulk-len). */
const MOST_BYTES = 512 * 1024 * 1024

const CR = 0x0d
const LF = 0x0a
const DOLLAR = 0x24
const STAR = 0x2a
/** `$` and the digits of a length, and the line ends of length and value. */
const FRAME = 20

export type Argument = string | number | Uint8Array

/** Bytes as RESP writes them in a command. */
export function bulk(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes as string)
  return Buffer.concat([Buffer.from(`$${content.length}\r\n`), content, Buffer.from('\r\n')])
}

export class Commands {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0
  /** Digits of the last row's length: rows are alike. */
  #digits = 3

  get length(): number {
    return this.#length
  }

  /** The commands so far, which the next one will overwrite. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
    return taken
  }

  /** Forgets what was added since `length` was this. */
  cut(length: number): void {
    this.#length = length
  }

  add(...command: Argument[]): void {
    this.begin(command.length)
    for (const argument of command) this.bulk(typeof argument === 'number' ? String(argument) : argument)
  }

  /** A command of this many arguments, its name among them, which are added next. */
  begin(count: number): void {
    this.#reserve(FRAME)
    this.#length = writeHead(this.#bytes, this.#length, STAR, count)
  }

  bulk(argument: Uint8Array | string): void {
    const length = typeof argument === 'string' ? Buffer.byteLength(argument) : argument.length
    this.#reserve(length + FRAME)
    const bytes = this.#bytes
    const at = writeHead(bytes, this.#length, DOLLAR, length)
    if (typeof argument === 'string') bytes.write(argument, at)
    else bytes.set(argument, at)
    this.#end(at + length)
  }

  /** An argument in two parts. */
  joined(first: Uint8Array, second: Uint8Array): void {
    const length = first.length + second.length
    this.#reserve(length + FRAME)
    const bytes = this.#bytes
    const at = writeHead(bytes, this.#length, DOLLAR, length)
    bytes.set(first, at)
    bytes.set(second, at + first.length)
    this.#end(at + length)
  }

  /** Bytes that are RESP already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** The row as JSON. False if it is larger than a value may be, and then nothing was added. */
  row(change: ChangeView): boolean {
    this.#reserve(FRAME)
    const head = this.#length + this.#digits + 3
    let end = change.toJson(this.#bytes, head)
    while (end === -1 || end + 2 > this.#bytes.length) {
      if (this.#bytes.length - this.#length > MOST_BYTES + KEPT_BYTES) return false
      this.#grow(Math.max(2 * this.#bytes.length, head + jsonRoom(change)))
      end = change.toJson(this.#bytes, head)
    }
    const length = end - head
    if (length > MOST_BYTES) return false
    const digits = digitsOf(length)
    const at = this.#length + digits + 3
    if (at !== head) {
      this.#reserve(length + FRAME)
      this.#bytes.copyWithin(at, head, end)
      this.#digits = digits
    }
    writeHead(this.#bytes, this.#length, DOLLAR, length)
    this.#end(at + length)
    return true
  }

  #end(at: number): void {
    this.#bytes[at] = CR
    this.#bytes[at + 1] = LF
    this.#length = at + 2
  }

  #reserve(size: number): void {
    if (this.#length + size > this.#bytes.length) this.#grow(Math.max(2 * this.#bytes.length, this.#length + size))
  }

  /** Keeps also what lies behind `length`: a row that is being moved. */
  #grow(size: number): void {
    const grown = Buffer.allocUnsafeSlow(size)
    this.#bytes.copy(grown)
    giveBack(this.#bytes)
    this.#bytes = grown
  }
}

function digitsOf(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
  return digits
}

/** `*3\r\n`; answers the position behind it. */
function writeHead(bytes: Buffer, at: number, mark: number, value: number): number {
  const digits = digitsOf(value)
  bytes[at] = mark
  let rest = value
  for (let i = at + digits; i > at; i--) {
    const next = Math.floor(rest / 10)
    bytes[i] = 0x30 + rest - next * 10
    rest = next
  }
  bytes[at + digits + 1] = CR
  bytes[at + digits + 2] = LF
  return at + digits + 3
}
