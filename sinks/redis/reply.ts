/**
 * RESP2, the server's side (https://redis.io/docs/latest/develop/reference/protocol-spec/): a stream of lines, counted
 * and sized values and arrays, walked in place. What is to become of a reply, the request that waits for it knows.
 */

export const Mark = { status: 0x2b, error: 0x2d, integer: 0x3a, bulk: 0x24, array: 0x2a } as const

/** Takes the tokens of the reply, or replies, it waits for. */
export interface ReplyTaker {
  /** A line: status, error or integer. The text stands in `bytes` until the call returns. */
  line(mark: number, bytes: Buffer, from: number, to: number): void
  /** A value; null: there is none. `value` may be kept. */
  bulk(value: Buffer | null): void
  /** An array begins; -1: there is none. */
  array(length: number): void
  /** It has all it waits for. */
  readonly done: boolean
  fail(error: unknown): void
}

const NOTHING = Buffer.alloc(0)
const CR = 0x0d
const LF = 0x0a

/** Hands each token to the taker whose turn it is. `next` answers that of the reply that begins, undefined for none. */
export class ReplyReader {
  readonly #next: () => ReplyTaker | undefined
  #taker: ReplyTaker | undefined
  /** The beginning of a line whose end has not come. */
  #rest: Buffer = NOTHING
  /** A value that comes in pieces, and how much of it and its line end is missing. */
  #value: Buffer | undefined
  #filled = 0

  constructor(next: () => ReplyTaker | undefined) {
    this.#next = next
  }

  /** False if the bytes are not RESP or nobody waits for them; then nothing behind can be read. */
  push(chunk: Buffer): boolean {
    let bytes = chunk
    let at = 0
    if (this.#value !== undefined) {
      at = this.#fill(bytes, 0)
      if (at === -1) return true
    }
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, at === 0 ? bytes : bytes.subarray(at)])
      this.#rest = NOTHING
      at = 0
    }
    while (at < bytes.length) {
      const end = lineEnd(bytes, at)
      if (end === -1) {
        this.#rest = Buffer.from(bytes.subarray(at))
        return true
      }
      const next = this.#token(bytes, at, end)
      if (next === -2) return false
      if (next === -1) return true
      at = next
    }
    return true
  }

  /** The position behind the token; -1: the chunk ends inside it; -2: it is none, or unexpected. */
  #token(bytes: Buffer, at: number, end: number): number {
    if (this.#taker === undefined || this.#taker.done) this.#taker = this.#next()
    const taker = this.#taker
    if (taker === undefined) return -2
    const mark = bytes[at]
    const behind = end + 2
    switch (mark) {
      case Mark.status:
      case Mark.error:
      case Mark.integer:
        taker.line(mark, bytes, at + 1, end)
        return behind
      case Mark.array:
        taker.array(numberIn(bytes, at + 1, end))
        return behind
      case Mark.bulk: {
        const length = numberIn(bytes, at + 1, end)
        if (length >= 0) return this.#begin(length, bytes, behind)
        taker.bulk(null)
        return behind
      }
      default:
        return -2
    }
  }

  #begin(length: number, bytes: Buffer, at: number): number {
    this.#value = Buffer.allocUnsafe(length + 2)
    this.#filled = 0
    return this.#fill(bytes, at)
  }

  #fill(bytes: Buffer, at: number): number {
    const value = this.#value!
    const end = Math.min(bytes.length, at + value.length - this.#filled)
    bytes.copy(value, this.#filled, at, end)
    this.#filled += end - at
    if (this.#filled < value.length) return -1
    this.#value = undefined
    this.#taker!.bulk(value.subarray(0, value.length - 2))
    return end
  }
}

/** Where the line's end begins; -1: not in these bytes. Lines are short: a loop beats a search. */
function lineEnd(bytes: Buffer, from: number): number {
  for (let at = from; at + 1 < bytes.length; at++) if (bytes[at] === CR && bytes[at + 1] === LF) return at
  return -1
}

function numberIn(bytes: Buffer, from: number, to: number): number {
  const isNegative = bytes[from] === 0x2d
  let value = 0
  for (let at = isNegative ? from + 1 : from; at < to; at++) value = value * 10 + bytes[at]! - 0x30
  return isNegative ? -value : value
}

/** An error that the server answered: `WRONGTYPE Operation against...`. */
export interface ReplyError {
  readonly error: string
}

export type Reply = string | number | Buffer | null | ReplyError | readonly Reply[]

export function isReplyError(reply: Reply): reply is ReplyError {
  return typeof reply === 'object' && reply !== null && 'error' in reply
}

/** One reply as a value: status as text, integers as numbers, values as bytes. */
export class ValueTaker implements ReplyTaker {
  readonly promise: Promise<Reply>
  readonly #settle: PromiseWithResolvers<Reply>
  /** Arrays that are open, outermost first, and what each still lacks. */
  readonly #open: { readonly values: Reply[]; missing: number }[] = []
  done = false

  constructor() {
    this.#settle = Promise.withResolvers<Reply>()
    this.promise = this.#settle.promise
    // Whoever waits gets it; nobody waits when sending has failed already.
    this.promise.catch(() => {})
  }

  line(mark: number, bytes: Buffer, from: number, to: number): void {
    const text = bytes.toString('utf8', from, to)
    if (mark === Mark.error) this.#add({ error: text })
    else this.#add(mark === Mark.integer ? Number(text) : text)
  }

  bulk(value: Buffer | null): void {
    this.#add(value)
  }

  array(length: number): void {
    if (length <= 0) this.#add(length === 0 ? [] : null)
    else this.#open.push({ values: [], missing: length })
  }

  #add(reply: Reply): void {
    let value = reply
    for (let inner = this.#open.at(-1); inner !== undefined; inner = this.#open.at(-1)) {
      inner.values.push(value)
      if (--inner.missing > 0) return
      this.#open.pop()
      value = inner.values
    }
    this.done = true
    this.#settle.resolve(value)
  }

  fail(error: unknown): void {
    this.#settle.reject(error)
  }
}

/**
 * The replies to MULTI, its commands and EXEC, or DISCARD: only counted, unless they are errors. How many commands
 * there were is told with `total` before the end can come.
 */
export class TransactionTaker implements ReplyTaker {
  readonly promise: Promise<void>
  readonly #settle: PromiseWithResolvers<void>
  /** Errors of commands that ran, by their place. */
  readonly failed: { readonly command: number; readonly error: string }[] = []
  /** The first error that kept the transaction from running. */
  refused: string | undefined
  /** False: what was watched had changed, nothing ran. */
  ran = true
  done = false
  #taken = 0
  #total = Number.POSITIVE_INFINITY
  #results = 0
  #result = -1

  constructor() {
    this.#settle = Promise.withResolvers<void>()
    this.promise = this.#settle.promise
    // Whoever waits gets it; nobody waits when sending has failed already.
    this.promise.catch(() => {})
  }

  /** MULTI, then this many commands, then the end. */
  total(commands: number): void {
    this.#total = commands + 1
  }

  line(mark: number, bytes: Buffer, from: number, to: number): void {
    if (this.#result >= 0) {
      if (mark === Mark.error) this.failed.push({ command: this.#result, error: bytes.toString('utf8', from, to) })
      this.#count()
      return
    }
    if (mark === Mark.error) this.refused ??= bytes.toString('utf8', from, to)
    if (this.#taken++ === this.#total) this.#end()
  }

  bulk(): void {
    if (this.#result >= 0) this.#count()
  }

  array(length: number): void {
    this.ran = length >= 0
    this.#results = length
    this.#result = 0
    if (length <= 0) this.#end()
  }

  #count(): void {
    if (++this.#result === this.#results) this.#end()
  }

  #end(): void {
    this.done = true
    this.#settle.resolve()
  }

  fail(error: unknown): void {
    this.#settle.reject(error)
  }
}
