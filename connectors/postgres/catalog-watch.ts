import type pg from 'pg'
import type { Logger } from 'pino'
import { Bell, sleep } from '../../runtime/abort.ts'
import type { LoadRequest, SourceIdentity, Table } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { nameOf } from '../common/selection.ts'
import { byName, type VersionsByName } from '../common/versions-by-name.ts'
import type { Captured } from './capture.ts'
import { GONE, publicationsOf, requirePublication, whyNot } from './captured-again.ts'
import type { CapturedTables } from './captured-tables.ts'
import { type Surveyed, surveyTables } from './catalog.ts'
import { catalogDigest } from './catalog-digest.ts'
import { filesOf } from './catalog-rows.ts'
import { growPublication, type PublicationPlan, unpublished } from './publication.ts'
import { AWAY, type Members, readMembers, storedMembers, wasAway } from './publication-members.ts'
import { runningTransactions } from './settle.ts'
import type { SharedSql } from './sql.ts'
import { isMarkedStale, type LastRead, REREAD, staleSince } from './stale.ts'
import { loadRequest, publicationPlans, type StartRequest } from './start.ts'

export interface WatchOptions extends Pick<StartRequest, 'config' | 'context' | 'numbering'> {
  readonly sql: SharedSql
  /** server_version_num. */
  readonly version: number
  /** Those that the stream reads. */
  readonly publications: readonly string[]
  /** Says how the tables were in them as the start began. */
  readonly identity: SourceIdentity
  readonly tables: CapturedTables
  /** Versions that anybody has met, from moment to moment. */
  readonly known: () => readonly Table[]
  /** Tables were taken up, or go on under another name or as another version. */
  readonly onTaken: () => void
  readonly intervalMs: number
  /** As the start has it. */
  readonly unsettled: ReadonlyMap<string, readonly string[]>
}

/** A table is not waited for longer than this by what alters a publication, lest everything else waits. */
const LOCK_TIMEOUT = '5s'

/** The end of a transaction is in the log a moment before others see what it did. */
const HINTED_MS = 50
const HINTED_LOOKS = 10

/**
 * Finds what no event tells (R6.6): rows rewritten, partitions attached and detached, tables made, dropped, renamed.
 * Keeps `tables` as the catalog is, and asks for the loads that follow. What it has found and not yet handed over is
 * found again at the next start (stale.ts).
 */
export class CatalogWatch {
  readonly #options: WatchOptions
  readonly #logger: Logger
  readonly #due: LoadRequest[] = []
  readonly #bell = new Bell()
  /** By table name: the version and the files that the last load that was asked for reads, or a newer state of them. */
  readonly #read = new Map<string, LastRead>()
  /** What was said once already. */
  readonly #told = new Set<string>()
  /** By table name: transactions that may have changed the table before it was published (R4.9). */
  readonly unsettled: Map<string, readonly string[]>
  /** By table name: why its changes are not published. Until they are it cannot be read. */
  readonly unpublished = new Map<string, TailraceError>()
  #members: Members
  #digest: string | undefined
  /**
   * In this look we have put a table into a publication. What somebody takes out again before the next one is as it was
   * when the look began, so that its digest says nothing.
   */
  #hasPublished = false
  /** How often to look again before its time. */
  #hinted = 0
  #looking: Promise<void> = Promise.resolve()

  constructor(options: WatchOptions) {
    this.#options = options
    this.#logger = options.context.logger
    this.unsettled = new Map(options.unsettled)
    this.#members = storedMembers(options.identity)
    const versions = byName(options.known())
    for (const captured of options.tables.all) this.#noteRead(captured, versions)
  }

  /** Loads as they become due. Ends by its signal, or throws what must stop the source. */
  async *due(signal: AbortSignal): AsyncGenerator<LoadRequest> {
    for (;;) {
      const rung = this.#bell.wait(signal)
      rung.catch(() => {})
      for (const request of this.#due.splice(0)) yield request
      const next = new AbortController()
      const pauseMs = this.#hinted > 0 ? HINTED_MS : this.#options.intervalMs
      const tick = sleep(pauseMs, AbortSignal.any([signal, next.signal])).then(() => true)
      const isTick = await Promise.race([tick, rung.then(() => false)]).finally(() => {
        tick.catch(() => {})
        next.abort()
      })
      if (isTick) await this.#poll(signal)
    }
  }

  /** Somebody knows that something has changed. It may not be visible yet: it is looked for a few times. */
  lookSoon(): void {
    this.#hinted = HINTED_LOOKS
    this.#bell.ring()
  }

  /** A version that the stream has met, which `known` has: if older rows must be read again and nobody asked yet, asks. */
  async met({ table }: Captured, signal: AbortSignal): Promise<void> {
    if (isMarkedStale(table) && table.id > (this.#read.get(table.name)?.id ?? 0)) await this.look(signal, true)
  }

  /** Compares everything with the catalog. Without `force` only if something there has changed since the last time. */
  look(signal: AbortSignal, force = false): Promise<void> {
    const looked = this.#looking.then(() => this.#options.sql.use(client => this.#look(client, force), signal))
    this.#looking = looked.catch(() => {})
    return looked
  }

  async #poll(signal: AbortSignal): Promise<void> {
    if (this.#hinted > 0) this.#hinted--
    try {
      await this.look(signal)
    } catch (error) {
      if (signal.aborted || !isTailraceError(error) || error.recovery !== 'retry') throw error
      this.#logger.warn({ err: error }, 'the catalog could not be looked at; it is tried again')
    }
  }

  async #look(client: pg.Client, force: boolean): Promise<void> {
    const { config, context, numbering, publications } = this.#options
    const digest = await catalogDigest(client, publications)
    if (digest === this.#digest && !force) return
    this.#hasPublished = false
    const known = this.#options.known()
    const versions = byName(known)
    const { tables, problems } = await surveyTables(client, context.name, config, known, numbering)
    for (const problem of problems)
      if (problem.code !== 'TABLE_MISSING') this.#tellOnce(context.name, problem.message, problem)
    for (const surveyed of tables) await this.#compare(client, surveyed, versions)
    this.#reportGone(new Set(tables.map(({ relation }) => nameOf(relation))))
    await this.#publishAgain(client, versions)
    this.#digest = this.#hasPublished ? undefined : digest
  }

  /** `versions`: of all tables that anybody has met, as the look began. */
  async #compare(client: pg.Client, surveyed: Surveyed, versions: VersionsByName): Promise<void> {
    const { captured, relation } = surveyed
    const table = nameOf(relation)
    const { tables } = this.#options
    if (isTailraceError(captured)) {
      this.#tellOnce(table, captured.message, captured)
      return
    }
    const before = tables.named(captured.table.name)
    if (before !== undefined && captured.lost !== undefined) throw captured.lost
    if (before?.oid !== captured.oid) {
      await this.#takeUp(client, surveyed, captured, versions)
      return
    }
    tables.set(captured)
    if (captured.table.id !== before.table.id) this.#options.onTaken()
    const { name } = captured.table
    const stale = staleSince(captured, versions.get(name) ?? [], this.#read.get(name)!)
    if (stale !== undefined) this.#ask(captured, stale.sweep, stale.reason, versions)
  }

  /** A table that is new, or another one by its name, or back. */
  async #takeUp(client: pg.Client, surveyed: Surveyed, captured: Captured, versions: VersionsByName): Promise<void> {
    const { tables, version, onTaken, config, context } = this.#options
    const own = versions.get(captured.table.name) ?? []
    const name = nameOf(surveyed.relation)
    const problem =
      own.length === 0 ? await whyNot(this.#options, surveyed, publicationsOf(client, version)) : undefined
    const plan = this.#planOf(captured)
    try {
      if (problem !== undefined) {
        this.#tellOnce(name, `a new table is not captured: ${problem}`)
        return
      }
      requirePublication(this.#options.publications.includes(plan.name), plan.name, [captured])
      const isPublished = (await unpublished(client, plan, version, context.name)).length === 0
      if (!isPublished) await this.#publish(client, plan)
      this.unsettled.set(captured.table.name, await runningTransactions(client))
    } catch (error) {
      if (!isTailraceError(error) || error.recovery !== 'stop') throw error
      this.#tellOnce(name, error.message, error)
      return
    }
    tables.set(captured)
    onTaken()
    const isBack = own.some(({ incarnation }) => incarnation === captured.table.incarnation)
    this.#logger.info(
      { table: name },
      own.length === 0 ? 'a new table is captured' : 'another table is captured by this name',
    )
    if (captured.table.key.length === 0 || (config.snapshot === 'never' && own.length === 0))
      this.#noteRead(captured, versions)
    else this.#ask(captured, isBack, undefined, versions)
  }

  #reportGone(present: ReadonlySet<string>): void {
    const { tables } = this.#options
    const gone = tables.all.filter(({ table }) => !present.has(nameOf(table)))
    if (gone.length === 0) return
    for (const captured of gone) tables.gone(captured)
    this.#logger.warn({ code: 'TABLE_MISSING', tables: gone.map(({ table }) => nameOf(table)) }, GONE)
  }

  /** What somebody took out of a publication has missed changes: it is put in again, and read again. */
  async #publishAgain(client: pg.Client, versions: VersionsByName): Promise<void> {
    const { tables, version, context } = this.#options
    const missing = new Set<string>()
    for (const plan of publicationPlans(this.#options, tables.all))
      for (const { oid } of await unpublished(client, plan, version, context.name)) {
        const captured = tables.withOid(oid)!
        missing.add(captured.table.name)
        await this.#publishOne(client, captured, versions)
      }
    await this.#readAgainIfAway(client, missing, versions)
    for (const name of this.unpublished.keys()) {
      if (missing.has(name)) continue
      this.unsettled.set(name, await runningTransactions(client))
      this.unpublished.delete(name)
    }
  }

  /** Tables that are published again, by somebody else, have missed changes as well. `asked`: those that are read anyhow. */
  async #readAgainIfAway(client: pg.Client, asked: ReadonlySet<string>, versions: VersionsByName): Promise<void> {
    const { tables, publications, version } = this.#options
    const before = this.#members
    this.#members = await readMembers(client, publications, version)
    for (const captured of tables.all) {
      const { name } = captured.table
      if (asked.has(name) || !wasAway(captured.oid, before, this.#members)) continue
      this.unsettled.set(name, await runningTransactions(client))
      this.#ask(captured, true, AWAY, versions)
    }
  }

  async #publishOne(client: pg.Client, captured: Captured, versions: VersionsByName): Promise<void> {
    const { name } = captured.table
    const wasKnown = this.unpublished.has(name)
    try {
      await this.#publish(client, this.#planOf(captured))
      this.unsettled.set(name, await runningTransactions(client))
      this.unpublished.delete(name)
    } catch (error) {
      if (!isTailraceError(error) || error.code !== 'PUBLICATION_TABLES') throw error
      this.#tellOnce(nameOf(captured.table), error.message, error)
      this.unpublished.set(name, error)
    }
    if (!wasKnown) this.#ask(captured, true, 'it was not published', versions)
  }

  #planOf(captured: Captured): PublicationPlan {
    return publicationPlans(this.#options, [captured])[0]!
  }

  async #publish(client: pg.Client, plan: PublicationPlan): Promise<void> {
    await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`)
    try {
      const oids = new Set(plan.tables.map(({ oid }) => oid))
      await growPublication(client, plan, this.#options.version, oids, this.#options.context.name)
      this.#hasPublished = true
    } finally {
      await client.query('RESET lock_timeout')
    }
  }

  #ask(captured: Captured, sweep: boolean, reason: string | undefined, versions: VersionsByName): void {
    const { table } = captured
    if (reason !== undefined) this.#logger.warn({ table: nameOf(table), reason }, REREAD)
    this.#noteRead(captured, versions)
    if (table.key.length === 0) return
    this.#due.push({ ...loadRequest(captured), beside: true, sweep })
    this.#bell.ring()
  }

  #noteRead({ table, leaves }: Captured, versions: VersionsByName): void {
    const ids = [...(versions.get(table.name) ?? []), table].map(({ id }) => id)
    this.#read.set(table.name, { id: Math.max(...ids), files: filesOf(leaves) })
  }

  #tellOnce(table: string, message: string, error?: TailraceError): void {
    const key = `${table} ${message}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.#logger.warn({ table, code: error?.code, hint: error?.hint }, message)
  }
}
