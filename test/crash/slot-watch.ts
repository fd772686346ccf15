import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import type { PostgresServer } from '../support/postgres.ts'

const INTERVAL_MS = 50

/** Reads the slot's confirmed position again and again and holds it against what the log says it has made durable. */
export class SlotWatch implements AsyncDisposable {
  readonly ahead: string[] = []
  samples = 0
  readonly #client: pg.Client
  readonly #durable: () => Promise<string | undefined>
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>

  private constructor(client: pg.Client, durable: () => Promise<string | undefined>) {
    this.#client = client
    this.#durable = durable
    this.#loop = this.#watch()
  }

  /** `durable` answers the log's position as text; undefined where nobody can say at the moment. */
  static async start(
    server: PostgresServer,
    database: string,
    durable: () => Promise<string | undefined>,
  ): Promise<SlotWatch> {
    return new SlotWatch(await server.connect(database), durable)
  }

  /** Of a log that does not move. */
  async checkAgainst(durable: string): Promise<void> {
    const confirmed = await confirmedFlush(this.#client)
    if (confirmed !== undefined) this.#compare(confirmed, durable)
  }

  #compare(confirmed: string, durable: string): void {
    this.samples++
    if (lsn(confirmed) > lsn(durable)) this.ahead.push(`the slot had confirmed ${confirmed}, the log held ${durable}`)
  }

  /** The slot's first: the log only goes on meanwhile. */
  async #sample(): Promise<void> {
    const confirmed = await confirmedFlush(this.#client)
    const durable = await this.#durable()
    if (confirmed !== undefined && durable !== undefined) this.#compare(confirmed, durable)
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#sample()
      await setTimeout(INTERVAL_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    await this.#loop
    await this.#client.end()
  }
}

/** Of the only slot of the client's database; undefined while there is none, or none with a consistent point. */
export async function confirmedFlush(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query(
    'SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()',
  )
  return rows[0]?.confirmed_flush_lsn ?? undefined
}

export function lsn(text: string): bigint {
  const [high, low] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}
