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
  /** Ends with the work before. */
  #last: Promise<void> = Promise.resolve()

  constructor(config: PostgresConfig, name: string) {
    this.#config = config
    this.#name = name
  }

  /** One at a time, in the order of the calls. Throws as postgresError says. */
  async use<T>(work: (client: pg.Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    const used = this.#last.then(async () => {
      signal.throwIfAborted()
      this.#client ??= this.#open()
      return await work(await abortable(this.#client, signal))
    })
    this.#last = used.then(
      () => {},
      () => {},
    )
    try {
      return await abortable(used, signal)
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
