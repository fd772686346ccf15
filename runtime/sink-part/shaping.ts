import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { SourceLog, Table, TableFilter } from '../contract.ts'
import type { DeliveredLog } from '../deliver/delivery.ts'
import { differing, HELD_AS_IT_IS, type HeldShape, heldTable, type ShapeMemory } from '../shape/memory.ts'
import { ShapedLog } from '../shape/shaped-log.ts'
import { Shapes } from '../shape/shapes.ts'
import { NO_SHAPE, type ShapeOptions } from '../shape/spec.ts'
import { newestTables } from '../tables.ts'
import type { Transform } from '../transform.ts'
import type { Upkeep } from '../upkeep.ts'

export interface ShapingPlace {
  readonly memory: ShapeMemory
  readonly logger: Logger
  /** The sink's name among the readers of a log. */
  readonly reader: string
}

/** What a sink is now, at the beginning of its work. */
export interface ShapedSink {
  readonly options: ShapeOptions
  readonly sources: readonly { readonly name: string; readonly log: SourceLog }[]
  readonly filter: TableFilter
  readonly keepsHistory: boolean
  readonly hasGenerations: boolean
  readonly transform: Transform | undefined
}

/**
 * Keeps in mind by which rules a sink was filled, and fills it by those until it is built anew by others: beside what it
 * holds where it can be, else in its place. A sink that keeps every change keeps those it has, and goes on by the new ones.
 */
export class Shaping {
  readonly #place: ShapingPlace
  /** By source. */
  readonly #shapes = new Map<string, Shapes>()
  #held: HeldShape = HELD_AS_IT_IS

  constructor(place: ShapingPlace) {
    this.#place = place
  }

  /** Answers whether the sink is to be built anew beside what it holds. */
  async begin(sink: ShapedSink): Promise<boolean> {
    const { memory, logger, reader } = this.#place
    const { options, sources, keepsHistory } = sink
    this.#shapes.clear()
    this.#held = memory.get(reader) ?? (await this.#unknown(sink))
    const changed = differing(this.#held, options, tablesOf(sources, sink.filter))
    if (changed.length > 0 && !keepsHistory && sink.hasGenerations) return true
    if (isDeepStrictEqual(this.#held.options, options)) return false
    const what = { sink: reader, tables: changed }
    if (changed.length > 0 && keepsHistory)
      logger.warn(what, 'the sink keeps the changes that it has; those to come follow what is declared now')
    else if (changed.length > 0) logger.info(what, 'what is declared of the tables has changed: the sink is built anew')
    const isAnew = changed.length > 0 && !keepsHistory
    const isKnown = this.#held.options.schemaChanges === options.schemaChanges
    await this.#remember({
      options,
      anew: isAnew ? sources.map(({ name }) => name) : this.#held.anew,
      tables: isKnown ? this.#held.tables : {},
    })
    return false
  }

  /** Nothing is known of it: it is new, or it is from before anything was declared. */
  async #unknown({ options, sources }: ShapedSink): Promise<HeldShape> {
    for (const { log } of sources)
      if ((await log.readers.list()).some(({ name }) => name === this.#place.reader)) return HELD_AS_IT_IS
    const held = { ...HELD_AS_IT_IS, options }
    if (!isDeepStrictEqual(options, NO_SHAPE)) await this.#remember(held)
    return held
  }

  async #remember(held: HeldShape): Promise<void> {
    this.#held = held
    const { memory, reader } = this.#place
    await memory.set(reader, isDeepStrictEqual(held, HELD_AS_IT_IS) ? undefined : held)
  }

  /** The log as the sink is to read it. Throws CONFIG_SHAPE. */
  async logOf(source: string, log: SourceLog, { filter, keepsHistory, transform }: ShapedSink): Promise<DeliveredLog> {
    if (isDeepStrictEqual(this.#held.options, NO_SHAPE)) return log
    const remember = (held: HeldShape): Promise<void> => this.#remember(held)
    const shapes = new Shapes({ held: () => this.#held, remember, filter, keepsHistory, transform })
    this.#shapes.set(source, shapes)
    return await ShapedLog.open(log, shapes)
  }

  /** Undefined: the source's tables go as they are. */
  shapes(source: string): Shapes | undefined {
    return this.#shapes.get(source)
  }

  isAnew(source: string): boolean {
    return this.#held.anew.includes(source)
  }

  /** The sink's own cursor says from now on that it is built anew. */
  async anewBegun(source: string): Promise<void> {
    if (!this.isAnew(source)) return
    await this.#remember({ ...this.#held, anew: this.#held.anew.filter(name => name !== source) })
  }

  /** What this reader's target holds came there by what is declared. */
  fits(reader: string, { options, sources, filter }: ShapedSink): boolean {
    const held = this.#place.memory.get(reader) ?? HELD_AS_IT_IS
    return differing(held, options, tablesOf(sources, filter)).length === 0
  }

  /** A person takes the tables as they are now. */
  async accept(reader: string, { sources, filter }: ShapedSink): Promise<void> {
    const { memory } = this.#place
    const held = memory.get(reader)
    if (held?.options.schemaChanges !== 'stop') return
    const tables = tablesOf(sources, filter).map(table => [table.name, heldTable(table)])
    await memory.set(reader, { ...held, tables: Object.fromEntries(tables) })
  }

  /** The same of the tables as the sink knows them. */
  purged(what: Upkeep): Upkeep {
    if (what.act !== 'purge') return what
    const rows = what.rows.map(({ table, key }) => ({ table: this.#table(table), key }))
    return { ...what, tables: what.tables.map(table => this.#table(table)), rows }
  }

  #table(table: Table): Table {
    return this.#shapes.get(table.source)?.table(table) ?? table
  }
}

function tablesOf(sources: ShapedSink['sources'], filter: TableFilter): Table[] {
  return sources.flatMap(({ log }) => [...newestTables(log).values()]).filter(filter)
}
