import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import type { PostgresServer } from '../postgres.ts'

const INTERVAL_MS = 200

/** Watches the server process that streams to the pipeline: it must stay the same one, and have its keepalives answered. */
export class WalsenderWatch implements AsyncDisposable {
  readonly #server: PostgresServer
  readonly #client: pg.Client
  readonly #pids = new Set<string>()
  readonly #stop = new AbortController()
  readonly #loop: Promise<void>
  #longestMs = 0

  private constructor(server: PostgresServer, client: pg.Client) {
    this.#server = server
    this.#client = client
    this.#loop = this.#watch()
    this.#loop.catch(() => {})
  }

  static async start(server: PostgresServer, database: string): Promise<WalsenderWatch> {
    return new WalsenderWatch(server, await server.connect(database))
  }

  /** Throws if there was more than one connection, or none. Answers the longest time without a word from the pipeline. */
  async demandOne(): Promise<number> {
    this.#stop.abort()
    try {
      await this.#loop
      await this.#look()
    } finally {
      await this.#client.end()
    }
    if (this.#pids.size !== 1) throw new Error(`the server streamed from processes ${[...this.#pids].join(', ')}`)
    const ended = readFileSync(this.#server.logFile, 'utf8')
      .split('\n')
      .find(line => line.includes('terminating walsender'))
    if (ended !== undefined) throw new Error(ended)
    return this.#longestMs
  }

  async #watch(): Promise<void> {
    // Once more when it is to end: what ran for less than an interval was there too.
    for (let isLast = false; !isLast; ) {
      isLast = this.#stop.signal.aborted
      await this.#look()
      if (!isLast) await setTimeout(INTERVAL_MS)
    }
  }

  async #look(): Promise<void> {
    const { rows } = await this.#client.query<{ pid: string; silence: string | null }>(
      `SELECT pid, (extract(epoch FROM clock_timestamp() - reply_time) * 1000)::int AS silence
       FROM pg_stat_replication
       WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE database = current_database() AND NOT temporary)
         AND state IN ('catchup', 'streaming')`,
    )
    for (const { pid, silence } of rows) {
      this.#pids.add(pid)
      this.#longestMs = Math.max(this.#longestMs, Number(silence ?? 0))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    try {
      await this.#loop
    } finally {
      await this.#client.end()
    }
  }
}
