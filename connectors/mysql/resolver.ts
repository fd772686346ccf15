import type { Table } from '../../runtime/contract.ts'
import { configuredKey, isWanted } from '../common/selection.ts'
import type { TableMap } from './binlog/table-map.ts'
import { type Captured, type CatalogPlace, captured } from './catalog.ts'
import { isSystem, placeOf } from './catalog-rows.ts'
import type { Statement } from './ddl/kinds.ts'
import { foldName, type TableName } from './ddl/names.ts'
import type { NumberOptions } from './numbering.ts'
import { type BinlogPlace, comparePlaces } from './position.ts'
import {
  definitionFrom,
  fitsDefinition,
  type RowReading,
  requireMetadata,
  rowReading,
  unprepared,
} from './row-reading.ts'
import type { TableWatch } from './table-watch.ts'
import type { Charsets } from './values/charsets.ts'

/** What a statement means for the log, where it stands in the stream. */
export type Effect = { readonly kind: 'announce' | 'truncate'; readonly table: Table }

export interface ResolverOptions extends CatalogPlace {
  readonly charsets: Charsets
  readonly lowerCaseTableNames: 0 | 1 | 2
  readonly captured: readonly Captured[]
  readonly watch: TableWatch
  readonly signal: AbortSignal
}

const ALTERED_AGAIN = 'it was altered again before it could be seen how'
const PARTITIONS = 'partitions or a tablespace of it were emptied, dropped or exchanged'

/**
 * Follows the tables through the stream: each row is read by the TABLE_MAP before it, never by today's catalog. The
 * catalog only adds what the log does not say, where it still has the table as the rows have it.
 */
export class Resolver {
  readonly #options: ResolverOptions
  /** As the stream has them. */
  readonly #tables = new Map<string, Captured>()
  /** Dropped, or renamed to something else: what comes next under the name is another table. */
  readonly #gone = new Set<string>()
  readonly #wanted = new Map<string, boolean>()
  /** By table: the end of the log when the catalog was seen that its newest version was made by. */
  readonly #seenUntil = new Map<string, BinlogPlace>()
  /** By table: the end of the log when it was last to be read again for that. */
  readonly #rereadBehind = new Map<string, BinlogPlace>()

  constructor(options: ResolverOptions) {
    this.#options = options
    for (const one of options.captured) this.#tables.set(placeOf(one.table.schema, one.table.table), one)
  }

  /** Undefined: not captured. Throws BINLOG_METADATA, TABLE_WITHOUT_KEY, CONFIG_COLUMN, MASK_LOST. */
  resolve(map: TableMap): RowReading | undefined | Promise<RowReading | undefined> {
    const place = placeOf(map.database, map.table)
    if (!this.#isWanted({ database: map.database, table: map.table })) return undefined
    requireMetadata(map)
    const current = this.#tables.get(place)
    const missing = unprepared(map, this.#options.charsets)
    if (missing.length === 0 && current !== undefined && !this.#gone.has(place) && this.#fits(current, map))
      return this.#reading(current, map)
    return this.#follow(map, place, current, missing)
  }

  /** What the statement means here; undefined: nothing. `at`: where it ends. */
  apply(statement: Statement, at: BinlogPlace): Promise<readonly Effect[]> | readonly Effect[] | undefined {
    switch (statement.kind) {
      case 'truncate': {
        const current = this.#current(statement.table)
        // An outbox that is cleared takes no event back.
        if (current === undefined || current.route !== undefined) return undefined
        return [{ kind: 'truncate', table: current.table }]
      }
      case 'drop-tables':
        if (!statement.temporary) for (const table of statement.tables) this.#drop(table)
        return undefined
      case 'drop-database':
        for (const { table } of this.#tables.values())
          if (this.#fold(table.schema) === this.#fold(statement.database))
            this.#gone.add(placeOf(table.schema, table.table))
        return undefined
      case 'create-table':
        if (statement.temporary || !this.#isWanted(statement.table)) return undefined
        if (statement.orReplace) this.#drop(statement.table)
        return this.#arrived([statement.table], at)
      case 'rename-tables': {
        for (const { from, to } of statement.pairs) {
          this.#drop(from)
          this.#drop(to)
        }
        const taken = statement.pairs.map(({ to }) => to).filter(to => this.#isWanted(to))
        return taken.length === 0 ? undefined : this.#arrived(taken, at)
      }
      case 'alter-table': {
        const altered = [statement.table, ...(statement.exchanged === undefined ? [] : [statement.exchanged])]
        const wanted = altered.filter(table => this.#isWanted(table))
        if (statement.renamedTo !== undefined) {
          this.#drop(statement.table)
          this.#drop(statement.renamedTo)
          return this.#isWanted(statement.renamedTo) ? this.#arrived([statement.renamedTo], at) : undefined
        }
        return wanted.length === 0 ? undefined : this.#altered(wanted, at, statement.touchesPartitions)
      }
      default:
        return undefined
    }
  }

  /** Rows of every table may have changed unseen: versions before the ones that it answers do not count. */
  outdate(stale: string): Effect[] {
    const tables = [...this.#tables].filter(([place]) => !this.#gone.has(place))
    return tables.map(([place, from]) => {
      const { table } = this.#number({ definition: from.definition, place, from, options: { stale } })
      return { kind: 'announce', table }
    })
  }

  /** Whether it is, or may be, a captured table. */
  concerns(tables: readonly TableName[] | undefined): boolean {
    return tables === undefined ? this.#tables.size > 0 : tables.some(table => this.#isWanted(table))
  }

  async #follow(
    map: TableMap,
    place: string,
    current: Captured | undefined,
    missing: readonly string[],
  ): Promise<RowReading | undefined> {
    const { charsets, config, watch, signal } = this.#options
    if (missing.length > 0) {
      await charsets.prepare(missing)
      if (current !== undefined && !this.#gone.has(place) && this.#fits(current, map))
        return this.#reading(current, map)
    }
    const look = await watch.look(signal)
    const found = look.found.get(place)
    this.#seenUntil.set(place, look.end)
    const isReborn = this.#gone.has(place)
    // The catalog is asked for what it may add. Where it is ahead of the stream, the event alone counts.
    const known = [found?.definition, current?.definition].filter(one => one !== undefined)
    const definition =
      found !== undefined && this.#fits(found, map) ? found.definition : definitionFrom(map, known, config, charsets)
    const next = this.#number({ definition, place, from: found ?? current, options: { isReborn } })
    return this.#reading(next, map)
  }

  /** Tables that were made, or have that name now. */
  async #arrived(tables: readonly TableName[], at: BinlogPlace): Promise<readonly Effect[]> {
    return await this.#looked(tables, at, place => ({ isReborn: this.#gone.has(place) }))
  }

  async #altered(
    tables: readonly TableName[],
    at: BinlogPlace,
    touchesPartitions: boolean,
  ): Promise<readonly Effect[]> {
    return await this.#looked(tables, at, () => (touchesPartitions ? { stale: PARTITIONS } : {}))
  }

  async #looked(
    tables: readonly TableName[],
    at: BinlogPlace,
    optionsOf: (place: string) => NumberOptions,
  ): Promise<readonly Effect[]> {
    const { watch, signal } = this.#options
    const { found, end } = await watch.look(signal)
    const places = tables.map(name => this.#placeOf(name))
    const there = places.flatMap(place => found.get(place) ?? [])
    await watch.requireUnfiltered(there, signal)
    const effects: Effect[] = []
    for (const place of places) {
      const now = found.get(place)
      if (now === undefined) continue
      const before = this.#tables.get(place)
      const ahead = this.#wasAhead(place, at, end) ? { stale: ALTERED_AGAIN } : {}
      const options = { ...ahead, ...optionsOf(place) }
      const next = this.#number({ definition: now.definition, place, from: now, options })
      if (next.table.id !== before?.table.id) effects.push({ kind: 'announce', table: next.table })
    }
    return effects
  }

  /**
   * Whether the newest version was made by a catalog that may have known of the statement already: what it said of columns
   * may be of others. Once a look is reason to read the table again, that comes to see everything up to the look's `end`.
   */
  #wasAhead(place: string, at: BinlogPlace, end: BinlogPlace): boolean {
    const wasAhead = isUpTo(at, this.#seenUntil.get(place)) && !isUpTo(at, this.#rereadBehind.get(place))
    this.#seenUntil.set(place, end)
    if (wasAhead) this.#rereadBehind.set(place, end)
    return wasAhead
  }

  #number({
    definition,
    place,
    from,
    options,
  }: {
    readonly definition: Captured['definition']
    readonly place: string
    readonly from: Captured | undefined
    readonly options: NumberOptions
  }): Captured {
    const sizes = { rows: from?.estimatedRows ?? null, bytes: from?.estimatedBytes ?? null }
    const next = captured(definition, this.#options, sizes, options)
    this.#gone.delete(place)
    this.#tables.set(place, next)
    this.#options.watch.met(next)
    return next
  }

  #fits({ definition, table }: Captured, map: TableMap): boolean {
    const { config, charsets } = this.#options
    return fitsDefinition(definition, map, charsets, configuredKey(config, table.schema, table.table) !== undefined)
  }

  #reading(current: Captured, map: TableMap): RowReading {
    return rowReading(current, map, this.#options.charsets)
  }

  #drop(name: TableName): void {
    const place = this.#placeOf(name)
    if (this.#tables.has(place)) this.#gone.add(place)
  }

  #current(name: TableName): Captured | undefined {
    const place = this.#placeOf(name)
    return this.#gone.has(place) ? undefined : this.#tables.get(place)
  }

  /** With names that differ by case for the same table it is the one that is captured. */
  #placeOf({ database, table }: TableName): string {
    const place = placeOf(database, table)
    if (this.#options.lowerCaseTableNames === 0 || this.#tables.has(place)) return place
    const folded = placeOf(this.#fold(database), this.#fold(table))
    for (const [known, { table: one }] of this.#tables)
      if (placeOf(this.#fold(one.schema), this.#fold(one.table)) === folded) return known
    return place
  }

  #fold(name: string): string {
    return foldName(name, this.#options.lowerCaseTableNames)
  }

  #isWanted({ database, table }: TableName): boolean {
    const place = placeOf(database, table)
    const known = this.#wanted.get(place)
    if (known !== undefined) return known
    const wanted =
      this.#tables.has(this.#placeOf({ database, table })) ||
      (!isSystem(database) && isWanted(this.#options.config, { schema: database, table }))
    if (this.#wanted.size < MOST_REMEMBERED) this.#wanted.set(place, wanted)
    return wanted
  }
}

function isUpTo(at: BinlogPlace, end: BinlogPlace | undefined): boolean {
  return end !== undefined && (comparePlaces(at, end) ?? 1) <= 0
}

const MOST_REMEMBERED = 100_000
