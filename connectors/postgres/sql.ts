import type pg from 'pg'
import { abortable } from '../../runtime/abort.ts'
import type { PostgresConfig } from './config.ts'
import { connectSql, postgresError } from './connection.ts'
import { endConnection } from './replication.ts'

/** One SQL connection, opened when it is needed and again after it broke. */
export class SqlConnection implements AsyncDisposable {
  readonly #config: PostgresConfig
  readonly #name: string
  readonly #life = new AbortController()
  #client: Promise<pg.Client> | undefined

  constructor(config: PostgresConfig, name: string) {
    this.#config = config
    this.#name = name
  }

  /** Throws as postgresError says. */
  async use<T>(work: (client: pg.Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    this.#client ??= this.#open()
    const client = await abortable(this.#client, signal)
    try {
      return await abortable(work(client), signal)
    } catch (error) {
      if (signal.aborted) throw error
      throw postgresError(error, this.#config)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort()
    const client = await this.#client?.catch(() => undefined)
    if (client !== undefined) endConnection(client)
  }

  #open(): Promise<pg.Client> {
    const client = connectSql(this.#config, this.#name, this.#life.signal)
    const forget = (): void => {
      if (this.#client === client) this.#client = undefined
    }
    client.then(opened => opened.once('end', forget), forget)
    return client
  }
}
