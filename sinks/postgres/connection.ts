import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { postgresClientOptions, sessionSql, TEXT_SETTINGS } from '../../runtime/postgres-client.ts'
import { addressName, type ServerAddress } from '../../runtime/server-address.ts'
import { BoundStatement } from './bound-statement.ts'
import { databaseError } from './server-error.ts'

/** A row: text as the server prints it, by column. */
export type TextRow = Readonly<Record<string, string | null>>

/**
 * Beside what all text depends on: a commit is on disk when it is answered, whatever role and database say; what another
 * session holds locked is waited for so long; and rows are found by their keys, however the planner guesses at tables of
 * which it knows nothing yet.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  ...TEXT_SETTINGS,
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read\\ committed',
  synchronous_commit: 'on',
  lock_timeout: '30s',
  jit: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_seqscan: 'off',
}

/** Statements kept at the server for a connection: more tables than these are few. */
const KEPT_STATEMENTS = 256

/** One session. Its errors are pg's own: what they mean is for `databaseError` to say. */
export class Connection implements Disposable {
  readonly server: string
  readonly #client: pg.Client
  readonly #names = new Map<string, string>()
  #isOpen = true

  private constructor(client: pg.Client, server: string) {
    this.#client = client
    this.server = server
    client.on('end', () => {
      this.#isOpen = false
    })
    // Without a listener a server that goes away would end the process; the next query rejects.
    client.on('error', () => {
      this.#isOpen = false
    })
  }

  /** Throws as `databaseError` says. The signal ends the attempt alone. */
  static async open(address: ServerAddress, name: string, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    const options = postgresClientOptions(address, SETTINGS)
    const client = new pg.Client({ ...options, application_name: name })
    const connection = new Connection(client, addressName(address))
    const destroy = (): void => connection.destroy()
    signal.addEventListener('abort', destroy, { once: true })
    try {
      await client.connect()
      await client.query(sessionSql)
      return connection
    } catch (error) {
      destroy()
      signal.throwIfAborted()
      throw databaseError(error, connection.server)
    } finally {
      signal.removeEventListener('abort', destroy)
    }
  }

  /** False once it is known to be of no use any more. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  async query(text: string, values: readonly (string | number | null)[] = []): Promise<TextRow[]> {
    return (await this.#client.query<Record<string, string | null>>(text, [...values])).rows
  }

  /** Rows that a statement without a result touched. */
  async change(text: string, values: readonly (string | number | null)[] = []): Promise<number> {
    return (await this.#client.query(text, [...values])).rowCount ?? 0
  }

  /** One statement, or several, without values. */
  async run(text: string): Promise<void> {
    await this.#client.query(text)
  }

  /** Its parameters in binary, each behind its length. `isKept`: it comes again. Answers the rows that it touched. */
  async apply(text: string, parameters: readonly Buffer[], isKept: boolean): Promise<number> {
    const statement = new BoundStatement(isKept ? this.#nameOf(text) : '', text, parameters)
    this.#client.query(statement)
    return await statement.done
  }

  #nameOf(text: string): string {
    let name = this.#names.get(text)
    if (name === undefined) {
      const isRoom = this.#names.size < KEPT_STATEMENTS
      name = isRoom ? `tailrace_${createHash('sha256').update(text).digest('hex').slice(0, 16)}` : ''
      if (isRoom) this.#names.set(text, name)
    }
    return name
  }

  /** COPY ... FROM STDIN, in pieces that are asked for as the server takes them. */
  async copy(text: string, pieces: Iterable<Buffer>): Promise<void> {
    const stream = this.#client.query(copyFrom(text))
    const failed = new Promise<never>((_, reject) => stream.on('error', reject))
    failed.catch(() => {})
    for (const piece of pieces)
      if (!stream.write(piece)) await Promise.race([failed, new Promise(resolve => stream.once('drain', resolve))])
    const finished = new Promise<void>(resolve => stream.on('finish', resolve))
    stream.end()
    await Promise.race([failed, finished])
  }

  /** Each row in turn, as texts by place. `take` answers whether to go on; if not, the connection is ended. */
  async each(
    text: string,
    values: readonly (string | number | Buffer | null)[],
    take: (row: readonly (string | null)[]) => boolean,
  ): Promise<boolean> {
    // pg hands rows out one by one to whoever listens and gives no callback.
    const options: pg.QueryArrayConfig = { text, values: [...values], rowMode: 'array' }
    const query = new pg.Query(options)
    let isWanted = true
    return await new Promise<boolean>((resolve, reject) => {
      query.on('row', row => {
        if (!isWanted) return
        isWanted = take(row as unknown as readonly (string | null)[])
        if (isWanted) return
        this.destroy()
        resolve(false)
      })
      query.on('end', () => resolve(true))
      query.on('error', reject)
      this.#client.query(query)
    })
  }

  /**
   * `work` in one transaction, in which constraints that can wait are looked at last. Durable when it resolves; where it
   * rejects nothing was done, unless the answer to the commit was lost. The signal ends the connection.
   */
  async transaction<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return await this.within(signal, async () => {
      await this.run('BEGIN; SET CONSTRAINTS ALL DEFERRED')
      try {
        const result = await work()
        const { command } = await this.#client.query('COMMIT')
        if (command !== 'COMMIT') throw new Error('a statement failed, and nothing was committed')
        return result
      } catch (error) {
        if (this.#isOpen) await this.run('ROLLBACK').catch(() => this.destroy())
        throw error
      }
    })
  }

  /** `work`, ended with the connection when the signal aborts. */
  async within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const destroy = (): void => this.destroy()
    signal.addEventListener('abort', destroy, { once: true })
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', destroy)
    }
  }

  destroy(): void {
    this.#isOpen = false
    this.#client.connection.stream.destroy()
  }

  /** Without waiting for a server that no longer answers. */
  [Symbol.dispose](): void {
    this.#isOpen = false
    this.#client.connection.end()
    const socket = this.#client.connection.stream as Socket
    socket.destroySoon()
  }
}
