import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import { errorMessage, isTailraceError } from '../../runtime/errors.ts'
import type { Random } from '../crash/random.ts'
import watchful from '../fixtures/watchful-postgres.ts'
import { DDL, VERSIONS } from './history-ddl.ts'
import { LoggedSource } from './logged-source.ts'
import type { PostgresServer } from './postgres.ts'
import { until } from './until.ts'
import { PARTED, plainTable, WIDE_TABLES, type WideTable, WideWriter, wideSchema } from './wide-tables.ts'

const TIMEOUT_MS = 60_000
/** The promise for what changed without events. */
const AGAIN_SECONDS = 60
/** Ten times what lies between two looks at the catalog. */
const LOOK_MS = 2000
const MOST_TABLES = 6

export interface LoadFigures {
  histories: number
  records: number
  restarts: number
  rebuilds: number
  backfills: number
  sweeps: number
  keys: number
  chunks: number
  ddl: number
  added: number
  /** Of the above, what was asked for at a moment at which it cannot be. */
  refused: number
}

export function newFigures(): LoadFigures {
  return {
    histories: 0,
    records: 0,
    restarts: 0,
    rebuilds: 0,
    backfills: 0,
    sweeps: 0,
    keys: 0,
    chunks: 0,
    ddl: 0,
    added: 0,
    refused: 0,
  }
}

/** Refusals that say that the source does not stream at the moment, or has not this table at it. */
const NOT_NOW = new Set(['PART_NOT_RUNNING', 'PART_STOPPED', 'UNKNOWN_TABLE', 'LOAD_UNSUPPORTED', 'LOAD_INTERRUPTED'])

/**
 * The histories of completion with loads of all kinds beside them: rows read again, by key, with a sweep; tables added;
 * statements that change rows without events; restarts, at random moments from the first load on. After each the log must
 * hold every row as the table has it, whole, no key having gone back on the way.
 */
export class LoadHistories implements AsyncDisposable {
  readonly figures: LoadFigures
  readonly #client: pg.Client
  readonly #writer: WideWriter
  readonly #random: Random
  readonly #source: LoggedSource
  /** Tables are named in the configuration, not matched by a star. */
  readonly #isNamed: boolean
  readonly #asked = new Set<{ readonly done: Promise<void>; readonly cancel: AbortController }>()
  readonly #before: number
  /** Until then the catalog may not have been looked at since it changed, whether rows show it or not. */
  #unseenUntil = 0
  #last = ''

  private constructor(client: pg.Client, random: Random, source: LoggedSource, isNamed: boolean, figures: LoadFigures) {
    this.#client = client
    this.#random = random
    this.#writer = new WideWriter(client, random, [...WIDE_TABLES, PARTED])
    this.#source = source
    this.#isNamed = isNamed
    this.figures = figures
    this.#before = figures.records
  }

  /** `figures` go on. */
  static async open(server: PostgresServer, random: Random, figures: LoadFigures): Promise<LoadHistories> {
    const url = await server.createDatabase()
    const client = await server.connect(new URL(url).pathname.slice(1))
    const tables = [...WIDE_TABLES, PARTED]
    await client.query(`${VERSIONS}; ${wideSchema(tables)}`)
    const isNamed = random.chance(0.5)
    const names = isNamed ? tables.map(({ name }) => `public.${name}`) : ['public.*']
    const source = await LoggedSource.open({ url, tables: names, plugin: watchful })
    return new LoadHistories(client, random, source, isNamed, figures)
  }

  async history(): Promise<void> {
    const random = this.#random
    try {
      for (let transactions = random.between(1, 6); transactions > 0; transactions--) {
        await this.#writer.transaction(random.chance(0.005))
        if (random.chance(0.3)) await this.#event()
      }
      await this.#settled()
      await this.#compare()
    } catch (cause) {
      throw new Error(`${errorMessage(cause)}\nlast: ${this.#last}\n${await this.#source.story()}`, { cause })
    }
    this.figures.records = this.#before + this.#source.rows.records
    this.figures.histories++
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { cancel } of this.#asked) cancel.abort()
    await this.#source[Symbol.asyncDispose]()
    await this.#client.end()
  }

  async #event(): Promise<void> {
    const random = this.#random
    const tables = this.#writer.tables
    const table = tables[random.between(0, tables.length)]!
    const choice = random.next()
    if (choice < 0.15) await this.#backfill(table, false)
    else if (choice < 0.3) await this.#backfill(table, true)
    else if (choice < 0.45) this.#rewrite(table)
    else if (choice < 0.55) this.#look(table)
    else if (choice < 0.65) await this.#restart()
    else if (choice < 0.7) await this.#add()
    else await this.#alter(table)
  }

  /** Durable when it resolves, and read while the history goes on. */
  async #backfill({ name }: WideTable, resnapshot: boolean): Promise<void> {
    this.figures[resnapshot ? 'sweeps' : 'backfills']++
    const options = { tables: [nameOf(name)], resnapshot, yes: true }
    await this.#allowing(() => this.#source.part.backfill(options, AbortSignal.timeout(TIMEOUT_MS)))
  }

  /** Some keys once more, also such that have no row any more. */
  #rewrite({ name }: WideTable): void {
    this.figures.keys++
    const keys = this.#source.rows.keys(name).filter(() => this.#random.chance(0.5))
    this.#ask(async signal => {
      const { part } = this.#source
      const table = [...part.log.tables().values()].findLast(other => other.name === nameOf(name))
      if (table !== undefined) await part.rewrite(table, keys, signal)
    })
  }

  /** Rows are read as for a comparison, and sometimes not to the end. */
  #look({ name }: WideTable): void {
    this.figures.chunks++
    const isCut = this.#random.chance(0.3)
    this.#ask(async asked => {
      await this.#source.part.use(async (source, signal) => {
        const request = source.request?.(nameOf(name), { kind: 'all' }, false)
        if (request === undefined) return
        for await (const _ of source.load({ ...request, readOnly: true }, signal)) if (isCut) return
      }, asked)
    })
  }

  async #restart(tables?: readonly string[]): Promise<void> {
    const withoutIndex = this.#random.chance(0.2)
    this.figures.restarts++
    if (withoutIndex) this.figures.rebuilds++
    for (const { cancel } of this.#asked) cancel.abort()
    await this.#source.restart({ withoutIndex, ...(tables === undefined ? {} : { tables }) })
  }

  async #add(): Promise<void> {
    const { tables } = this.#writer
    if (tables.length === MOST_TABLES) return
    this.figures.added++
    this.#unseenUntil = Number.POSITIVE_INFINITY
    const table = plainTable(`added_${tables.length}`)
    await this.#client.query(wideSchema([table]))
    this.#writer.add(table)
    for (let i = this.#random.between(0, 4); i > 0; i--) await this.#writer.transaction(false)
    if (this.#isNamed) await this.#restart(this.#writer.tables.map(({ name }) => `public.${name}`))
  }

  async #alter(table: WideTable): Promise<void> {
    const random = this.#random
    const kinds = DDL.filter(({ isFor }) => isFor(table))
    const { name, run, isMended, isAway } = kinds[random.between(0, kinds.length)]!
    // A start refuses a table that is named, not known yet, and not there.
    if (isAway && this.#isNamed) await until(() => this.#isKnown(table), `the log knows ${table.name}`)
    if (isMended !== undefined) await until(() => this.#source.isStreaming, 'the source streams')
    this.figures.ddl++
    this.#unseenUntil = Number.POSITIVE_INFINITY
    this.#last = `${name} (${table.name})`
    const meanwhile = async (): Promise<void> => {
      if (random.chance(0.2)) await this.#restart()
      else if (random.chance(0.3)) await setTimeout(random.between(0, 500))
    }
    await run(table, { client: this.#client, writer: this.#writer, random, meanwhile })
    if (isMended !== undefined) await until(() => isMended(table, this.#client), `after ${name} it is mended`)
  }

  #isKnown({ name }: WideTable): boolean {
    return [...this.#source.part.log.tables().values()].some(known => known.name === nameOf(name))
  }

  #ask(work: (signal: AbortSignal) => Promise<void>): void {
    const cancel = new AbortController()
    const signal = AbortSignal.any([cancel.signal, AbortSignal.timeout(TIMEOUT_MS)])
    const done = this.#allowing(() => work(signal), cancel.signal)
    const asked = { done, cancel }
    done.catch(() => {})
    this.#asked.add(asked)
  }

  /** What cannot be asked for at the moment is not an error. */
  async #allowing(work: () => Promise<unknown>, cancelled?: AbortSignal): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (cancelled?.aborted !== true && !(isTailraceError(error) && NOT_NOW.has(error.code))) throw error
      this.figures.refused++
    }
  }

  async #settled(): Promise<void> {
    for (const asked of this.#asked) {
      await asked.done
      this.#asked.delete(asked)
    }
  }

  async #compare(): Promise<void> {
    const source = this.#source
    const tables = this.#writer.tables.map(({ name }) => name)
    let difference: string | undefined
    const isEqual = async (): Promise<boolean> => {
      await source.caughtUp()
      await source.whole()
      for (const name of tables) {
        const { rows } = await this.#client.query<Record<string, string | null>>(`SELECT * FROM ${name}`)
        difference = source.rows.difference(name, rows)
        if (difference !== undefined) return false
      }
      return true
    }
    try {
      if (performance.now() < this.#unseenUntil) await until(isEqual, 'log and tables are equal', AGAIN_SECONDS)
      else if (!(await isEqual())) throw new Error('log and tables are not equal')
    } catch (cause) {
      throw new Error(`${errorMessage(cause)}: ${difference}`, { cause })
    }
    if (this.#unseenUntil === Number.POSITIVE_INFINITY) this.#unseenUntil = performance.now() + LOOK_MS
  }
}

function nameOf(table: string): string {
  return `app.public.${table}`
}
