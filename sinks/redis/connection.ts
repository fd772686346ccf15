import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TailraceError } from '../../runtime/errors.ts'
import { type Address, serverName } from './address.ts'
import { type Argument, Commands } from './commands.ts'
import { isReplyError, type Reply, ReplyReader, type ReplyTaker, TransactionTaker, ValueTaker } from './reply.ts'
import { connectionError, replyError } from './server-error.ts'

const CONNECT_TIMEOUT_MS = 10_000
/** A server that owes a reply and has not sent a byte for this long is gone. */
const SILENCE_MS = 60_000

/** Requests that have their replies are forgotten this many at a time. */
const MOST_DONE = 1000

/**
 * One connection, logged in. Commands are sent one behind the other without waiting; replies come in that order. Once
 * it fails it stays failed: everything under way and everything later rejects with what happened first.
 */
export class Connection implements AsyncDisposable {
  readonly server: string
  readonly #socket: Socket
  readonly #waiting: ReplyTaker[] = []
  /** Those before it are done. */
  #head = 0
  readonly #commands = new Commands()
  #failure: unknown

  private constructor(address: Address) {
    const { host, port, tls } = address
    this.server = serverName(address)
    this.#socket = tls === undefined ? connectPlain({ host, port }) : connectTls({ host, port, ...tls })
    const reader = new ReplyReader(() => this.#nextTaker())
    this.#socket.setNoDelay(true)
    this.#socket.setKeepAlive(true, 30_000)
    this.#socket.on('data', chunk => {
      if (!reader.push(chunk)) this.fail(new Error('it does not speak the Redis protocol'))
    })
    this.#socket.on('timeout', () => {
      if (this.#nextTaker() !== undefined) this.fail(new Error(`no answer for ${SILENCE_MS / 1000} s`))
    })
    this.#socket.on('error', error => this.fail(error))
    this.#socket.on('close', () => this.fail(new Error('the connection was closed')))
  }

  /** Connected and logged in, the database chosen. Throws as replyError and connectionError say, or the signal's reason. */
  static async open(address: Address, name: string, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    const connection = new Connection(address)
    const timeout = setTimeout(() => connection.#tooLate(address), CONNECT_TIMEOUT_MS)
    const abort = (): void => connection.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      const { user, password, database } = address
      const replies: Promise<Reply>[] = []
      if (password !== undefined) replies.push(connection.ask('AUTH', ...(user === undefined ? [] : [user]), password))
      if (database !== 0) replies.push(connection.ask('SELECT', database))
      // For people who look at CLIENT LIST; not every user may.
      replies.push(connection.try('CLIENT', 'SETNAME', name))
      const settled = await Promise.allSettled(replies)
      for (const result of settled) if (result.status === 'rejected') throw result.reason
      connection.#socket.setTimeout(SILENCE_MS)
      return connection
    } catch (error) {
      connection.fail(error)
      signal.throwIfAborted()
      throw error
    } finally {
      clearTimeout(timeout)
      signal.removeEventListener('abort', abort)
    }
  }

  #tooLate({ tls }: Address): void {
    // A server without TLS waits for the rest of what it takes for a command.
    const isSilent = tls !== undefined && !this.#socket.connecting
    this.fail(new Error(isSilent ? 'it does not answer the TLS handshake' : 'no answer in time'))
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** What a command that failed means, from its error reply. */
  refusal(error: string): TailraceError {
    return replyError(this.server, error)
  }

  /** One command and its reply; an error reply is thrown. */
  async ask(...command: Argument[]): Promise<Reply> {
    return (await this.askAll([command]))[0]!
  }

  /** One command and its reply, which may be an error. */
  async try(...command: Argument[]): Promise<Reply> {
    return (await this.tryAll([command]))[0]!
  }

  /** The commands' replies, in order; all are sent at once. An error reply is thrown. */
  async askAll(commands: readonly (readonly Argument[])[]): Promise<Reply[]> {
    const replies = await this.tryAll(commands)
    for (const reply of replies) if (isReplyError(reply)) throw this.refusal(reply.error)
    return replies
  }

  /** The same, where replies may be errors. */
  async tryAll(commands: readonly (readonly Argument[])[]): Promise<Reply[]> {
    const takers = this.#queue(commands)
    const sent = this.#sendQueued()
    const [replies] = await Promise.all([Promise.all(takers.map(({ promise }) => promise)), sent])
    return replies
  }

  /**
   * The commands in one MULTI, and others behind it. Answers the errors of those that ran, undefined if what was watched
   * had changed and none ran, and the others' replies. An error that kept them from running is thrown.
   */
  async transact(
    commands: readonly (readonly Argument[])[],
    then: readonly (readonly Argument[])[],
  ): Promise<{ readonly errors: readonly string[] | undefined; readonly replies: readonly Reply[] }> {
    const taker = new TransactionTaker()
    this.expect(taker)
    for (const command of [['MULTI'], ...commands, ['EXEC']]) this.#commands.add(...command)
    taker.total(commands.length)
    const takers = this.#queue(then)
    await this.#sendQueued()
    await taker.promise
    const replies = await Promise.all(takers.map(({ promise }) => promise))
    if (taker.refused !== undefined) throw this.refusal(taker.refused)
    for (const reply of replies) if (isReplyError(reply)) throw this.refusal(reply.error)
    return { errors: taker.ran ? taker.failed.map(({ error }) => error) : undefined, replies }
  }

  #queue(commands: readonly (readonly Argument[])[]): ValueTaker[] {
    return commands.map(command => {
      const taker = new ValueTaker()
      this.expect(taker)
      this.#commands.add(...command)
      return taker
    })
  }

  #sendQueued(): Promise<void> {
    return this.send(Buffer.from(this.#commands.take()))
  }

  /** Puts what takes the replies of the next commands into line. Rejects it at once if the connection has failed. */
  expect(taker: ReplyTaker): void {
    if (this.#failure !== undefined) taker.fail(this.#failure)
    else this.#waiting.push(taker)
  }

  /** Resolves when the system has taken the bytes, which must not change before. */
  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#socket.write(bytes, error => (error ? reject(this.#failure ?? error) : resolve()))
    })
  }

  /** Ends the connection: the server forgets what it has of a transaction. */
  fail(error: unknown): void {
    this.abort(connectionError(this.server, error))
  }

  /** The same; what is under way rejects with this very reason. */
  abort(reason: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = reason
    this.#socket.destroy()
    for (const taker of this.#waiting.splice(0)) taker.fail(reason)
  }

  #nextTaker(): ReplyTaker | undefined {
    while (this.#waiting[this.#head]?.done === true) this.#head++
    if (this.#head > MOST_DONE) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    return this.#waiting[this.#head]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fail(new Error('it was closed'))
  }
}
