import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import { errorMessage } from '../../runtime/errors.ts'
import type { Random } from '../crash/random.ts'
import watchful from '../fixtures/watchful-postgres.ts'
import { LATE_SCHEMA, type LateKind, writeLate } from './late-writers.ts'
import { LoggedSource } from './logged-source.ts'
import type { PostgresServer } from './postgres.ts'
import { until } from './until.ts'

const TABLE = 'app.public.t'
const TIMEOUT_MS = 60_000
/** How often commits that wait for their standby are looked for. */
const RELEASE_MS = 5
/** What changed without events is read again within this time. */
const AGAIN_SECONDS = 60

const ACTIVITY = `SELECT pid, state, wait_event, now() - xact_start AS since, backend_xid, left(query, 80) AS query
  FROM pg_stat_activity WHERE datname = current_database()`

/** Who writes at the same time. */
const PARTIES: readonly (readonly LateKind[])[] = [
  ['late', 'late', 'late', 'fast', 'fast', 'hot'],
  ['late', 'late', 'late', 'late'],
  ['late', 'hot', 'hot'],
  ['late', 'late', 'fast', 'hot', 'truncate'],
  ['late', 'late', 'fast', 'hot', 'rewrite'],
  ['late', 'late', 'late', 'fast', 'unseen'],
]

/**
 * Loads beside the stream of a server whose commits become visible late: after each run the log must hold every row as
 * it is, no key having gone back on the way.
 */
export class LateCommits implements AsyncDisposable {
  readonly figures = { runs: 0, loads: 0, restarts: 0, records: 0, released: 0 }
  readonly #random: Random
  readonly #clients: readonly pg.Client[]
  readonly #client: pg.Client
  /** Runs a transaction that is older than what is read. */
  readonly #old: pg.Client
  readonly #source: LoggedSource

  private constructor(random: Random, clients: readonly pg.Client[], source: LoggedSource) {
    this.#random = random
    this.#client = clients[0]!
    this.#old = clients[1]!
    this.#clients = clients.slice(2)
    this.#source = source
  }

  /** The server has LATE_SETTINGS. */
  static async open(server: PostgresServer, random: Random): Promise<LateCommits> {
    const url = await server.createDatabase()
    const most = Math.max(...PARTIES.map(({ length }) => length))
    const clients = await Promise.all(
      Array.from({ length: most + 2 }, () => server.connect(new URL(url).pathname.slice(1))),
    )
    await clients[0]!.query(LATE_SCHEMA)
    const source = await LoggedSource.open({ url, tables: ['public.t'], plugin: watchful })
    await source.caughtUp()
    return new LateCommits(random, clients, source)
  }

  /** Some loads while a party writes; then everything is released and compared. Throws what is wrong. */
  async run(): Promise<void> {
    let activity: unknown
    try {
      await this.#run(async () => {
        activity = (await this.#client.query(ACTIVITY)).rows
      })
    } catch (cause) {
      const story = `${JSON.stringify(activity)}\n${await this.#source.story()}`
      throw new Error(`run ${this.figures.runs}: ${errorMessage(cause)}\n${story}`, { cause })
    }
  }

  /** `look`: before what writes is ended because of a failure. */
  async #run(look: () => Promise<void>): Promise<void> {
    const random = this.#random
    const party = PARTIES[this.figures.runs % PARTIES.length]!
    const needless = this.#source.rows.needless
    if (party.includes('unseen')) await this.#old.query('BEGIN; SELECT pg_current_xact_id()')
    const stop = new AbortController()
    const writing = party.map((kind, i) =>
      writeLate(kind, this.#clients[i]!, random.fork(this.figures.runs * party.length + i), stop.signal),
    )
    const written = Promise.all(writing)
    written.catch(() => stop.abort())
    const releasing = this.#release([0.02, 0.1, 0.5][random.between(0, 3)]!, stop.signal, written)
    try {
      for (let loads = random.between(2, 6); loads > 0 && !stop.signal.aborted; loads--) await this.#load(party)
    } catch (error) {
      await look()
      throw error
    } finally {
      stop.abort()
      await Promise.all([written, releasing])
    }
    if (party.includes('unseen')) await this.#mend()
    await this.#compare(party)
    if (this.#source.rows.needless > needless) throw new Error('rows were appended that the log has the same')
    this.figures.records = this.#source.rows.records
    this.figures.runs++
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]()
    for (const client of [this.#client, this.#old, ...this.#clients]) await client.end()
  }

  async #load(party: readonly LateKind[]): Promise<void> {
    const random = this.#random
    await this.#backfill(random.chance(0.4))
    // A load that has only begun when the source starts waits for all that runs, also for what runs here the longest.
    if (random.chance(0.05) && !party.includes('unseen')) {
      this.figures.restarts++
      await this.#source.restart({ withoutIndex: random.chance(0.3) })
    } else if (random.chance(0.7)) await this.#source.caughtUp()
    else await setTimeout(random.between(0, 60))
  }

  async #backfill(resnapshot: boolean): Promise<void> {
    await until(() => this.#source.isStreaming, 'the source streams')
    await this.#source.part.backfill({ tables: [TABLE], resnapshot, yes: true }, AbortSignal.timeout(TIMEOUT_MS))
    this.figures.loads++
  }

  /** What nobody published is read again, while a transaction runs that is older than all of it. */
  async #mend(): Promise<void> {
    await this.#backfill(true)
    await this.#source.caughtUp()
    await this.#old.query('COMMIT')
  }

  /** Ends the waiting of commits, of each with this chance every few milliseconds; of all of them once `stop` aborts. */
  async #release(chance: number, stop: AbortSignal, written: Promise<unknown>): Promise<void> {
    let isOver = false
    const over = written.finally(() => {
      isOver = true
    })
    over.catch(() => {})
    while (!isOver) {
      const { rowCount } = await this.#client.query(
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
         WHERE wait_event = 'SyncRep' AND datname = current_database() AND random() < $1`,
        [stop.aborted ? 1 : chance],
      )
      this.figures.released += rowCount ?? 0
      await setTimeout(RELEASE_MS)
    }
  }

  async #compare(party: readonly LateKind[]): Promise<void> {
    let difference: string | undefined
    const isEqual = async (): Promise<boolean> => {
      await this.#source.caughtUp()
      await this.#source.whole()
      const { rows } = await this.#client.query<Record<string, string | null>>('SELECT * FROM t')
      difference = this.#source.rows.difference('t', rows)
      return difference === undefined
    }
    try {
      if (party.includes('rewrite')) await until(isEqual, 'log and table are equal', AGAIN_SECONDS)
      else if (!(await isEqual())) throw new Error('log and table are not equal')
    } catch (cause) {
      throw new Error(`${errorMessage(cause)} with ${party.join(' ')}: ${difference}`, { cause })
    }
  }
}
