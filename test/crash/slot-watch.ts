import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import type { PostgresServer } from '../support/postgres.ts'

const INTERVAL_MS = 50

/** Reads the slot's confirmed position again and again and holds it against what the log says it has made durable. */
export class SlotWatch implements AsyncDisposable {
  readonly ahead: string[] = []
  samples = 0
  readonly #client: pg.Client
  readonly #durable: () => Promise<string | null | undefined>
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>

  private constructor(client: pg.Client, durable: () => Promise<string | null | undefined>) {
    this.#client = client
    this.#durable = durable
    this.#loop = this.#watch()
  }

  /** `durable` answers the log's position as text; undefined or null where nobody can say at the moment. */
  static async start(server: PostgresServer, durable: () => Promise<string | null | undefined>): Promise<SlotWatch> {
    return new SlotWatch(await server.connect(), durable)
  }

  /** The slot's first: the log only goes on meanwhile. */
  async check(): Promise<void> {
    const confirmed = await confirmedFlush(this.#client)
    const durable = await this.#durable()
    if (confirmed === undefined || durable === undefined || durable === null) return
    this.samples++
    if (lsn(confirmed) > lsn(durable)) this.ahead.push(`the slot had confirmed ${confirmed}, the log held ${durable}`)
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.check()
      await setTimeout(INTERVAL_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#loop
    await this.#client.end()
  }
}

/** Of the only slot in the cluster; undefined while there is none, or none with a consistent point. */
export async function confirmedFlush(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query('SELECT confirmed_flush_lsn FROM pg_replication_slots')
  return rows[0]?.confirmed_flush_lsn ?? undefined
}

export function lsn(text: string): bigint {
  const [high, low] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}
