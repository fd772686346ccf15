import { abortable } from '../../runtime/abort.ts'

/** How connections of a kind are made and ended, and what their errors mean. */
export interface ConnectionKind<C> {
  /** `onEnd` is called once the connection is of no use any more. It is destroyed when `signal` aborts. */
  open(signal: AbortSignal, onEnd: () => void): Promise<C>
  end(connection: C): void
  error(error: unknown): Error
}

/** One SQL connection, opened when it is needed and again after it broke. */
export class SharedConnection<C> implements AsyncDisposable {
  readonly #kind: ConnectionKind<C>
  readonly #life = new AbortController()
  #connection: Promise<C> | undefined
  /** Ends with the work before. */
  #last: Promise<void> = Promise.resolve()

  constructor(kind: ConnectionKind<C>) {
    this.#kind = kind
  }

  /** One at a time, in the order of the calls. Throws what the kind makes of an error. */
  async use<T>(work: (connection: C) => Promise<T>, signal: AbortSignal): Promise<T> {
    const used = this.#last.then(async () => {
      signal.throwIfAborted()
      this.#connection ??= this.#open()
      return await work(await abortable(this.#connection, signal))
    })
    this.#last = used.then(
      () => {},
      () => {},
    )
    try {
      return await abortable(used, signal)
    } catch (error) {
      if (signal.aborted) throw error
      throw this.#kind.error(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort()
    const connection = await this.#connection?.catch(() => undefined)
    if (connection !== undefined) this.#kind.end(connection)
  }

  #open(): Promise<C> {
    const forget = (): void => {
      if (this.#connection === connection) this.#connection = undefined
    }
    const connection = this.#kind.open(this.#life.signal, forget)
    connection.catch(forget)
    return connection
  }
}
