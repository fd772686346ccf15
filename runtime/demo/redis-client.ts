import { connect, type Socket } from 'node:net'
import { errorMessage, TailraceError } from '../errors.ts'

/** Commands to a Redis at hand, for looking into it. https://redis.io/docs/latest/develop/reference/protocol-spec/ */

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

export class ReplyError {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Reply = string | number | null | ReplyError | readonly Reply[]

export class RedisClient implements AsyncDisposable {
  readonly #address: RedisAddress
  readonly #socket: Socket
  readonly #waiting: PromiseWithResolvers<Reply>[] = []
  #unread = Buffer.alloc(0)
  #failure: Error | undefined

  /** Connects; `signal` ends the connection, also later. */
  constructor(address: RedisAddress, signal: AbortSignal) {
    this.#address = address
    this.#socket = connect({ ...address, signal })
    this.#socket.on('data', chunk => this.#take(chunk))
    this.#socket.on('error', error => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** One reply a command, in order; all are sent at once. Throws DEMO_CACHE_FAILED if the connection fails. */
  async tryAll(commands: readonly (readonly string[])[]): Promise<Reply[]> {
    const replies = commands.map(() => Promise.withResolvers<Reply>())
    this.#waiting.push(...replies)
    if (this.#failure === undefined) this.#socket.write(commands.map(encode).join(''))
    else this.#rejectAll()
    return await Promise.all(replies.map(({ promise }) => promise))
  }

  /** Throws DEMO_CACHE_FAILED, also where the reply is an error. */
  async ask(...command: string[]): Promise<Exclude<Reply, ReplyError>> {
    const [reply] = await this.tryAll([command])
    if (reply instanceof ReplyError) throw this.#error(`${command[0]} is answered: ${reply.text}`)
    return reply!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#unread, chunk])
    for (;;) {
      let read: Read | undefined
      try {
        read = readReply(bytes, 0)
      } catch (error) {
        this.#fail(error)
        this.#socket.destroy()
        return
      }
      if (read === undefined) break
      bytes = bytes.subarray(read.end)
      this.#waiting.shift()?.resolve(read.reply)
    }
    this.#unread = bytes
  }

  #fail(error: unknown): void {
    this.#failure ??= this.#error(errorMessage(error))
    this.#rejectAll()
  }

  #rejectAll(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }

  #error(what: string): TailraceError {
    const { host, port } = this.#address
    return new TailraceError('DEMO_CACHE_FAILED', 'stop', `Redis at ${host}:${port}: ${what}.`, {
      hint: 'Start the demo again; with --no-redis it leaves Redis out.',
    })
  }
}

function encode(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map(text => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('')}`
}

interface Read {
  readonly reply: Reply
  readonly end: number
}

/** Undefined: not all of it is there yet. */
function readReply(bytes: Buffer, at: number): Read | undefined {
  const line = bytes.indexOf('\r\n', at)
  if (line === -1) return undefined
  const text = bytes.toString('utf8', at + 1, line)
  const next = line + 2
  switch (String.fromCharCode(bytes[at]!)) {
    case '+':
      return { reply: text, end: next }
    case '-':
      return { reply: new ReplyError(text), end: next }
    case ':':
      return { reply: Number(text), end: next }
    case '$': {
      const end = next + Number(text)
      if (text === '-1') return { reply: null, end: next }
      return bytes.length < end + 2 ? undefined : { reply: bytes.toString('utf8', next, end), end: end + 2 }
    }
    case '*':
      return text === '-1' ? { reply: null, end: next } : readArray(bytes, next, Number(text))
    default:
      throw new Error('it does not speak the Redis protocol')
  }
}

function readArray(bytes: Buffer, at: number, length: number): Read | undefined {
  const replies: Reply[] = []
  let end = at
  while (replies.length < length) {
    const read = readReply(bytes, end)
    if (read === undefined) return undefined
    replies.push(read.reply)
    end = read.end
  }
  return { reply: replies, end }
}
