import { once } from 'node:events'
import type { Logger } from 'pino'
import { sleep } from '../abort.ts'
import { compactLog } from '../compact.ts'
import type { SinkPart } from '../sink-part.ts'
import type { SourcePart } from '../source-part.ts'
import { Supervisor, type Work } from '../supervisor.ts'
import type { Cleansed } from './cleansed.ts'
import { type DueTable, dueTables } from './due.ts'

export interface CleansingPlace {
  readonly cleansed: Cleansed
  readonly sinks: () => readonly SinkPart[]
  /** Builds the sink anew, and swaps; resolves once that has ended. */
  readonly rebuild: (sink: SinkPart, signal: AbortSignal) => Promise<void>
  /** Does the work while nothing of the sink is open. */
  readonly resting: (sink: SinkPart, work: () => Promise<void>) => Promise<void>
  readonly logger: Logger
}

const LOOK_MS = 1000

/**
 * Columns that are masked or excluded from now on stand in the clear in the log and the sinks. The source has read the
 * tables again by the new rules. Here what is older than that is removed: from the log by a compaction that keeps no
 * history, from the sinks by building anew those that would keep an excluded column, and by rewriting their files.
 */
export class Cleansing {
  readonly supervisor: Supervisor
  readonly #source: SourcePart
  readonly #place: CleansingPlace
  #due: readonly DueTable[] = []

  constructor(source: SourcePart, place: CleansingPlace) {
    this.#source = source
    this.#place = place
    this.supervisor = new Supervisor(`cleansing of source ${source.name}`, place.logger, work => this.#work(work))
  }

  /** Full names of the tables of which something is left. */
  get tables(): readonly string[] {
    return this.#due.map(({ table }) => table.name)
  }

  async #work({ drain, running }: Work): Promise<void> {
    running()
    const { cleansed } = this.#place
    const { name, log } = this.#source
    // Loads are known and done then, those that read the tables again by the new rules among them.
    await this.#source.reached(drain)
    this.#due = dueTables(log.tables().values(), cleansed.of(name))
    while (await this.#hasFailed()) await sleep(LOOK_MS, drain)
    if (this.#due.length > 0) {
      await this.#cleanse(this.#due, drain)
      await cleansed.add(
        name,
        this.#due.map(({ table }) => table),
      )
      this.#due = []
    }
    if (!drain.aborted) await once(drain, 'abort')
  }

  /** A table could not be read again: somebody has to see to that first. */
  async #hasFailed(): Promise<boolean> {
    const { tables } = await this.#source.status()
    return tables.some(({ table, state }) => state !== 'streaming' && this.tables.includes(table))
  }

  async #cleanse(due: readonly DueTable[], signal: AbortSignal): Promise<void> {
    const { sinks, rebuild, resting, logger } = this.#place
    const { name, log } = this.#source
    const [keyed, keyless] = [due.filter(isKeyed), due.filter(one => !isKeyed(one))]
    const what = { source: name, tables: keyed.map(({ table, columns }) => `${table.name}: ${columns.join(', ')}`) }
    if (keyless.length > 0)
      logger.warn(
        { source: name, tables: keyless.map(({ table }) => table.name) },
        'rows of tables without a key stay as they were logged: tailrace remove --source, then run; or `retention` of the log',
      )
    logger.info(what, 'columns that are masked or excluded now are being removed from the log and the sinks')
    const taking = sinks().filter(
      sink => sink.sources.includes(this.#source) && due.some(({ table }) => sink.takes(table)),
    )
    await Promise.all(taking.map(sink => sink.settled(this.#source, signal)))
    for (const sink of taking)
      if (sink.hasGenerations && due.some(({ table, isExcluded }) => isExcluded && sink.takes(table)))
        await rebuild(sink, signal)
    await compactLog(log, signal, { all: true })
    const tables = due.map(({ table }) => table)
    for (const sink of taking) {
      await resting(sink, async () => {
        if (sink.hasGenerations) await sink.upkeep({ act: 'drop', generation: 'previous' }, signal)
        await sink.upkeep({ act: 'purge', tables, rows: [] }, signal)
      })
      if (sink.keepsHistory)
        logger.warn(
          { sink: sink.name, tables: what.tables },
          'this sink keeps every change, those from before the columns were masked or excluded too: tailrace remove --sink, then run',
        )
    }
    logger.info({ ...what, sinks: taking.map(sink => sink.name) }, 'nothing is left of the columns')
  }
}

function isKeyed({ table }: DueTable): boolean {
  return table.key.length > 0
}
