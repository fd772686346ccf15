import type { Batch, LogBatch, Table, TableFilter } from '../contract.ts'
import { letGo, sourceBatch } from '../record/batch.ts'
import { wholeSlice } from '../record/slice.ts'
import type { Transform } from '../transform.ts'
import { refuseChanges } from './changed.ts'
import { type HeldShape, heldTable, knownColumns } from './memory.ts'
import { hasShaped, type Rewriting, rewrite } from './rewrite.ts'
import { tableSpec } from './spec.ts'
import { type TableShape, tableShape } from './table-shape.ts'

export interface ShapesPlace {
  /** Of the sink, as it is known now. */
  readonly held: () => HeldShape
  /** Durable when it resolves. */
  readonly remember: (held: HeldShape) => Promise<void>
  /** Tables that the sink takes. */
  readonly filter: TableFilter
  readonly keepsHistory: boolean
  readonly transform: Transform | undefined
}

/**
 * What one source's changes become on their way to one sink. All that is handed to the sink goes through here, batches and
 * tables alike, so that the sink never meets a table as the source has it.
 */
export class Shapes {
  readonly #place: ShapesPlace
  readonly #made = new WeakMap<Table, TableShape | 'as it is'>()
  /** Of the tables met, by id; undefined: it goes as it is; null: the sink does not take it. */
  readonly #byId = new Map<number, TableShape | undefined | null>()
  /** As the sink knows them. */
  readonly #tables = new Map<number, Table>()
  readonly #newest = new Map<string, Table>()
  #registry: { readonly tables: ReadonlyMap<number, Table>; readonly size: number } | undefined

  constructor(place: ShapesPlace) {
    this.#place = place
  }

  /** Before changes of these tables are shaped. Throws CONFIG_SHAPE. */
  async meet(registry: ReadonlyMap<number, Table>): Promise<void> {
    if (this.#registry?.tables === registry && this.#registry.size === registry.size) return
    const known = { tables: registry, size: registry.size }
    const { filter } = this.#place
    const tables = [...registry.values()].filter(({ id }) => !this.#byId.has(id))
    for (const table of tables.filter(filter))
      if ((this.#newest.get(table.name)?.id ?? 0) < table.id) this.#newest.set(table.name, table)
    await this.#remember(registry)
    for (const table of tables) {
      this.#byId.set(table.id, filter(table) ? this.#shape(table) : null)
      this.#tables.set(table.id, filter(table) ? this.table(table) : table)
    }
    this.#registry = known
  }

  /** Columns of tables that are met for the first time, where later ones are told from them. */
  async #remember(registry: ReadonlyMap<number, Table>): Promise<void> {
    const { held, remember } = this.#place
    const { options, tables, anew } = held()
    const { schemaChanges } = options
    if (schemaChanges === 'evolve') return
    const fresh = [...this.#newest.values()].flatMap(newest => {
      const known = tables[newest.name]
      if (known === undefined) return [newest]
      if (schemaChanges === 'stop' || known.incarnation >= newest.incarnation) return []
      // What it got in its new life is later than the first version of that.
      return [...registry.values()].find(table => isSameLife(table, newest))!
    })
    if (fresh.length === 0) return
    const added = Object.fromEntries(fresh.map(table => [table.name, heldTable(table)]))
    await remember({ options, anew, tables: { ...tables, ...added } })
  }

  /** The tables met, as the sink knows them. */
  get tables(): ReadonlyMap<number, Table> {
    return this.#tables
  }

  /** The table as the sink knows it. Throws CONFIG_SHAPE. */
  table(table: Table): Table {
    return this.#shape(table)?.table ?? table
  }

  #shape(table: Table): TableShape | undefined {
    let made = this.#made.get(table)
    if (made === undefined) {
      const held = this.#place.held()
      const spec = tableSpec(held.options, table, knownColumns(held, table))
      const newest = this.#newest.get(table.name)
      const last = newest === undefined || newest.id < table.id ? table : newest
      made = tableShape(spec, table, last, this.#place.transform) ?? 'as it is'
      this.#made.set(table, made)
    }
    return made === 'as it is' ? undefined : made
  }

  /**
   * The batch in shape: same place, offsets, transactions and times. One without changes of a table that has a shape
   * shares its bytes; any other is let go. Throws SCHEMA_CHANGED.
   */
  batch(batch: LogBatch): LogBatch {
    const { slices, tables, count } = batch
    const held = this.#place.held()
    if (held.options.schemaChanges === 'stop') refuseChanges(batch, held, this.#place.filter)
    const by = this.#rewriting(tables, this.#byId)
    if (!hasShaped(slices, by)) return batch.over(slices, this.#tables, count)
    const made = rewrite(slices, by)
    const shaped = batch.over(made.slices, this.#tables, made.count)
    letGo(batch)
    return shaped
  }

  /** The same of rows that were read at the source, whose tables need not have been met. */
  rows(batch: Batch): Batch {
    const { registry, bytes, entries, incomplete, tables, end, endAt } = batch
    const shapes = new Map([...tables].map(id => [id, this.#shape(registry.get(id)!)]))
    const slices = [wholeSlice(bytes, 0, 0n)]
    const by = this.#rewriting(registry, shapes)
    if (!hasShaped(slices, by)) return batch
    const made = rewrite(slices, by)
    const known = new Map([...registry].map(([id, table]) => [id, shapes.get(id)?.table ?? table]))
    return sourceBatch(made.slices[0]!.bytes, entries, made.count, incomplete, tables, known, end, endAt)
  }

  #rewriting(
    tables: ReadonlyMap<number, Table>,
    shapes: ReadonlyMap<number, TableShape | undefined | null>,
  ): Rewriting {
    return { tables, shapeOf: id => shapes.get(id), keepsHistory: this.#place.keepsHistory }
  }
}

function isSameLife(a: Table, b: Table): boolean {
  return a.name === b.name && a.incarnation === b.incarnation
}
