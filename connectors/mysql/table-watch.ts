import type { Logger } from 'pino'
import { Bell } from '../../runtime/abort.ts'
import type { LoadRequest, Table } from '../../runtime/contract.ts'
import { isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { nameOf } from '../common/selection.ts'
import type { SharedConnection } from '../common/shared-connection.ts'
import type { CascadeWatch } from './cascade-watch.ts'
import { type Captured, type CatalogPlace, isAsCaptured, surveyTables } from './catalog.ts'
import { placeOf } from './catalog-rows.ts'
import type { MysqlClient } from './connection.ts'
import { isMarkedStale, originOf } from './definition.ts'
import { requireUnfiltered } from './logged-tables.ts'
import type { BinlogPlace } from './position.ts'
import { logEnd } from './read-view.ts'
import { REREAD, UNREAD } from './resume-start.ts'
import type { ServerFacts } from './server-facts.ts'
import { loadRequest, tablesOf } from './start.ts'

export interface WatchOptions extends CatalogPlace {
  readonly facts: ServerFacts
  readonly sql: SharedConnection<MysqlClient>
  readonly logger: Logger
  readonly captured: readonly Captured[]
  readonly cascades: CascadeWatch
}

/** The catalog at some time. */
export interface Look {
  /** By `placeOf`. */
  readonly found: ReadonlyMap<string, Captured>
  /** Of the binary log, a little later: the catalog knew of nothing behind it. */
  readonly end: BinlogPlace
}

/** The tables that are captured now, as the catalog was seen last, and the loads that follow from what was altered. */
export class TableWatch {
  readonly #options: WatchOptions
  readonly #tables = new Map<string, Captured>()
  readonly #due: LoadRequest[] = []
  readonly #bell = new Bell()
  /** By table name: id of the version that the last load that was asked for reads, or a newer one. */
  readonly #read = new Map<string, number>()
  readonly #told = new Set<string>()

  constructor(options: WatchOptions) {
    this.#options = options
    for (const one of options.captured) {
      this.#tables.set(one.table.name, one)
      this.#read.set(one.table.name, one.table.id)
    }
  }

  named(name: string): Captured | undefined {
    return this.#tables.get(name)
  }

  get all(): readonly Captured[] {
    return [...this.#tables.values()]
  }

  /** Loads as they become due. Ends by its signal. */
  async *due(signal: AbortSignal): AsyncGenerator<LoadRequest> {
    for (;;) {
      const rung = this.#bell.wait(signal)
      rung.catch(() => {})
      for (const request of this.#due.splice(0)) yield request
      await rung
    }
  }

  /** A pass over the table, as what is due. */
  ask(name: string): void {
    const captured = this.#tables.get(name)
    if (captured === undefined) return
    this.#due.push({ ...loadRequest(captured, true), sweep: true })
    this.#bell.ring()
  }

  /**
   * What the configuration names, as the catalog has it now. What cannot be captured is told once. Throws
   * CASCADES_UNLOGGED.
   */
  async look(signal: AbortSignal): Promise<Look> {
    const { sql, cascades, facts } = this.#options
    const { tables, problems, end } = await sql.use(async client => {
      const survey = await surveyTables(client, this.#options)
      const all = survey.tables.flatMap(({ captured }) => (isTailraceError(captured) ? [] : [captured]))
      await cascades.look(client, all)
      return { ...survey, end: await logEnd(client, facts) }
    }, signal)
    for (const problem of problems) if (problem.code !== 'TABLE_MISSING') this.#tellOnce('', problem)
    const found = new Map<string, Captured>()
    for (const { relation, captured } of tables) {
      if (isTailraceError(captured)) this.#tellOnce(nameOf(relation), captured)
      else found.set(placeOf(relation.schema, relation.table), captured)
    }
    return { found, end }
  }

  /** Of tables that were made or altered. Throws SOURCE_BINLOG_FILTER. */
  async requireUnfiltered(tables: readonly Captured[], signal: AbortSignal): Promise<void> {
    const { sql, facts } = this.#options
    await sql.use(client => requireUnfiltered(client, facts, tablesOf(tables)), signal)
  }

  /** Whether the catalog still has it as it was captured. Throws TABLE_WITHOUT_KEY. */
  async isCurrent(captured: Captured, signal: AbortSignal): Promise<boolean> {
    const { sql } = this.#options
    return await sql.use(client => isAsCaptured(client, this.#options, captured), signal)
  }

  /** The table as it is now. Throws LOAD_INTERRUPTED if it is not there any more: then it is not captured until it is again. */
  async recapture(captured: Captured, signal: AbortSignal): Promise<Captured> {
    const { schema, table } = captured.table
    const now = (await this.look(signal)).found.get(placeOf(schema, table))
    if (now === undefined) {
      this.#tables.delete(captured.table.name)
      throw tableGone(captured.table)
    }
    this.met(now)
    return now
  }

  /** A version that the stream or the catalog has: if older rows must be read again and nobody asked yet, asks. */
  met(captured: Captured): void {
    const { table, lost } = captured
    if (lost !== undefined) throw lost
    const before = this.#tables.get(table.name)
    this.#tables.set(table.name, {
      ...captured,
      estimatedRows: captured.estimatedRows ?? before?.estimatedRows ?? null,
      estimatedBytes: captured.estimatedBytes ?? before?.estimatedBytes ?? null,
    })
    const read = this.#read.get(table.name)
    if (read !== undefined && (read >= table.id || !isMarkedStale(table))) return
    this.#read.set(table.name, table.id)
    this.#ask(captured, before?.table)
  }

  #ask(captured: Captured, before: Table | undefined): void {
    const { table } = captured
    const { logger, config } = this.#options
    const isBorn = before === undefined || before.incarnation < table.incarnation
    if (before === undefined) logger.info({ table: nameOf(table) }, 'a new table is captured')
    else if (isBorn) logger.info({ table: nameOf(table) }, 'another table is captured by this name')
    else logger.warn({ table: nameOf(table), reason: originOf(table).stale }, table.key.length === 0 ? UNREAD : REREAD)
    if (table.key.length === 0 || (config.snapshot === 'never' && before === undefined)) return
    this.#due.push({ ...loadRequest(captured, true), ...(isBorn ? {} : { sweep: true }) })
    this.#bell.ring()
  }

  #tellOnce(table: string, problem: TailraceError): void {
    const key = `${table} ${problem.message}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.#options.logger.warn({ table, code: problem.code, hint: problem.hint }, problem.message)
  }
}

/** Nothing of it can be read any more: what was to be loaded is asked for again, and is not there then. */
export function tableGone(table: Table): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `${nameOf(table)} was dropped or renamed while it was read.`, {
    hint: 'There is nothing to do: what it held before stays in the sinks.',
  })
}
