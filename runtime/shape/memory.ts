import { isDeepStrictEqual } from 'node:util'
import type { Table } from '../contract.ts'
import { readState, replaceState } from '../state-file.ts'
import { NO_SHAPE, type ShapeOptions, tableSpec } from './spec.ts'

/** What a sink's target holds, and by which rules it came there. */
export interface HeldShape {
  readonly options: ShapeOptions
  /** Sources whose rows are still to be removed and brought anew, since they came by other rules. */
  readonly anew: readonly string[]
  /** With `ignore` and `stop`: by name, the tables' columns that the sink knows. */
  readonly tables: Readonly<Record<string, HeldTable>>
}

export interface HeldTable {
  /** Of the version, and of its incarnation. */
  readonly id: number
  readonly incarnation: number
  /** The types by name, as declared. */
  readonly columns: Readonly<Record<string, string>>
}

const FILE = 'shapes.json'
const UNREADABLE = {
  code: 'SHAPES_UNREADABLE',
  hint: 'It says by which `where` and `fields` the sinks were filled. Delete it: sinks that have them are built anew.',
}

/** By which rules each sink, and each generation of one, was filled: a small file beside the logs. */
export class ShapeMemory {
  readonly #folder: string
  readonly #held: Map<string, HeldShape>
  /** One write after the other: all sinks have one file. */
  #written: Promise<void> = Promise.resolve()

  private constructor(folder: string, held: Map<string, HeldShape>) {
    this.#folder = folder
    this.#held = held
  }

  /** Throws SHAPES_UNREADABLE. */
  static async load(folder: string): Promise<ShapeMemory> {
    const found = await readState<Record<string, HeldShape>>(folder, FILE, UNREADABLE)
    return new ShapeMemory(folder, new Map(Object.entries(found ?? {}).map(([name, held]) => [name, whole(held)])))
  }

  /** `reader`: the sink's name, or that of a generation. */
  get(reader: string): HeldShape | undefined {
    return this.#held.get(reader)
  }

  /** Durable when it resolves. Undefined: nothing is known of it. */
  async set(reader: string, held: HeldShape | undefined): Promise<void> {
    if (isDeepStrictEqual(this.#held.get(reader), held)) return
    if (held === undefined) this.#held.delete(reader)
    else this.#held.set(reader, held)
    const writing = this.#written.then(() => replaceState(this.#folder, FILE, Object.fromEntries(this.#held)))
    this.#written = writing.catch(() => {})
    await writing
  }

  /** What one generation holds, another one holds from now on. */
  async copy(from: string, to: string): Promise<void> {
    await this.set(to, this.#held.get(from))
  }
}

/** JSON has no undefined. */
function whole(held: HeldShape): HeldShape {
  const { where, fields, schemaChanges, transform } = held.options
  return { ...held, options: { where, fields, schemaChanges, transform } }
}

/** Of a sink that was filled before anything was declared. */
export const HELD_AS_IT_IS: HeldShape = { options: NO_SHAPE, anew: [], tables: {} }

/** Names of the columns that the sink is to know of the table; undefined: all. */
export function knownColumns({ options, tables }: HeldShape, table: Table): readonly string[] | undefined {
  const held = tables[table.name]
  if (options.schemaChanges !== 'ignore' || held?.incarnation !== table.incarnation) return undefined
  return Object.keys(held.columns)
}

/**
 * Names of the tables, given at their newest version, of which the target would hold other rows or columns by these
 * rules.
 */
export function differing(held: HeldShape, options: ShapeOptions, tables: readonly Table[]): string[] {
  const next = { ...held, options }
  return tables
    .filter(table => {
      const [now, then] = [held, next].map(one => tableSpec(one.options, table, leftOut(one, table)))
      return !isDeepStrictEqual(now, then)
    })
    .map(({ name }) => name)
}

/** Undefined where none is. */
function leftOut(held: HeldShape, table: Table): readonly string[] | undefined {
  const known = knownColumns(held, table)
  return known === undefined || table.columns.every(({ name }) => known.includes(name)) ? undefined : known
}

export function heldTable({ id, incarnation, columns }: Table): HeldTable {
  return { id, incarnation, columns: Object.fromEntries(columns.map(({ name, declared }) => [name, declared])) }
}
