import type pg from 'pg'
import type { Random } from '../crash/random.ts'
import { LoggedSource } from './logged-source.ts'
import type { PostgresServer } from './postgres.ts'
import { WIDE_TABLES, WideWriter, wideSchema } from './wide-tables.ts'

/**
 * Random histories at a real server, through a source with its log; after each the log must hold every row of the tables
 * as it is, whole.
 */
export class CompletionHistories implements AsyncDisposable {
  readonly figures = { histories: 0, records: 0, restarts: 0, rebuilds: 0, huge: 0 }
  readonly #client: pg.Client
  readonly #writer: WideWriter
  readonly #random: Random
  readonly #source: LoggedSource

  private constructor(client: pg.Client, random: Random, source: LoggedSource) {
    this.#client = client
    this.#random = random
    this.#writer = new WideWriter(client, random)
    this.#source = source
  }

  static async open(server: PostgresServer, random: Random): Promise<CompletionHistories> {
    const url = await server.createDatabase()
    const client = await server.connect(new URL(url).pathname.slice(1))
    await client.query(wideSchema())
    return new CompletionHistories(client, random, await LoggedSource.open({ url, tables: ['public.*'] }))
  }

  /** A few transactions, now and then with a stop in between; then log and tables are compared. */
  async history(): Promise<void> {
    const random = this.#random
    for (let transactions = random.between(1, 6); transactions > 0; transactions--) {
      const isHuge = random.chance(0.01)
      if (isHuge) this.figures.huge++
      await this.#writer.transaction(isHuge)
      if (random.chance(0.03)) await this.#restart()
    }
    await this.#source.caughtUp()
    await this.#compare()
    // Each was known to the log: none had to be read again.
    const { incomplete } = this.#source.rows
    if (incomplete > 0) throw new Error(`${incomplete} changes lacked cells`)
    this.figures.records = this.#source.rows.records
    this.figures.histories++
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]()
    await this.#client.end()
  }

  /** Source and log, sometimes also without the index. */
  async #restart(): Promise<void> {
    this.figures.restarts++
    const withoutIndex = this.#random.chance(0.3)
    if (withoutIndex) this.figures.rebuilds++
    await this.#source.restart({ withoutIndex })
  }

  async #compare(): Promise<void> {
    for (const { name } of WIDE_TABLES) {
      const { rows } = await this.#client.query<Record<string, string | null>>(`SELECT * FROM ${name}`)
      const difference = this.#source.rows.difference(name, rows)
      if (difference !== undefined) throw new Error(difference)
    }
  }
}
