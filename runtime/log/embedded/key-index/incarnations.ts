import type { Table } from '../../../contract.ts'
import { Prefix, prefixOf } from './layout.ts'
import type { Store, StoreBatch } from './store.ts'

/** One life of a table in the index. */
export interface Incarnation {
  /** What its rows are kept under. */
  readonly number: number
  readonly table: string
  readonly incarnation: number
  /** Offset of its last truncate; what lies below is gone. 0: there was none. */
  floor: number
  /** Transaction number of that truncate; empty: a load wrote it. */
  floorTransaction: string
  /** Keys whose newest row has absent cells. */
  incomplete: number
}

/** What is stored of a life; its number is in the key. */
type StoredPart = 'table' | 'incarnation' | 'floor' | 'floorTransaction'

/** The lives of all tables. A new one costs one entry, and so does a truncate, however many rows it ends. */
export class Incarnations {
  readonly #lives = new Map<string, Incarnation>()
  /** By table name. */
  readonly #newest = new Map<string, number>()
  readonly #byTable = new Map<number, Incarnation>()
  readonly #changed = new Set<Incarnation>()

  static async load(store: Store): Promise<Incarnations> {
    const lives = new Incarnations()
    for await (const [key, value] of store.all(Prefix.incarnation)) {
      const stored = JSON.parse(value.toString('utf8')) as Pick<Incarnation, StoredPart>
      const life = { ...stored, number: key.readUInt32BE(1), incomplete: 0 }
      lives.#add(life)
    }
    return lives
  }

  /** Makes a table version known; the first of its incarnation begins a life. */
  know(table: Pick<Table, 'id' | 'name' | 'incarnation'>): void {
    this.#byTable.set(table.id, this.begin(table.name, table.incarnation))
  }

  /** Begins a life, unless it is known. */
  begin(table: string, incarnation: number): Incarnation {
    const known = this.find(table, incarnation)
    if (known !== undefined) return known
    const number = this.#lives.size + 1
    const life = { number, table, incarnation, floor: 0, floorTransaction: '', incomplete: 0 }
    this.#add(life)
    this.#changed.add(life)
    return life
  }

  /** Every table version that was made known. */
  *tables(): Generator<Pick<Table, 'id' | 'name' | 'incarnation'>> {
    for (const [id, { table, incarnation }] of this.#byTable) yield { id, name: table, incarnation }
  }

  all(): Iterable<Incarnation> {
    return this.#lives.values()
  }

  ofTable(id: number): Incarnation | undefined {
    return this.#byTable.get(id)
  }

  find(table: string, incarnation: number): Incarnation | undefined {
    return this.#lives.get(nameOf({ table, incarnation }))
  }

  withNumber(number: number): Incarnation | undefined {
    return [...this.#lives.values()].find(life => life.number === number)
  }

  /** All rows below the offset are gone. `transaction`: that did it; empty: a load. */
  truncate(life: Incarnation, offset: number, transaction: string): void {
    life.floor = offset
    life.floorTransaction = transaction
    life.incomplete = 0
    this.#changed.add(life)
  }

  /** Adds what has changed to a batch. */
  write(batch: StoreBatch): void {
    for (const { number, table, incarnation, floor, floorTransaction } of this.#changed) {
      batch.put(
        prefixOf(Prefix.incarnation, number),
        Buffer.from(JSON.stringify({ table, incarnation, floor, floorTransaction })),
      )
    }
    this.#changed.clear()
  }

  /** The table lives no later life. */
  isNewest({ table, incarnation }: Incarnation): boolean {
    return this.#newest.get(table) === incarnation
  }

  #add(life: Incarnation): void {
    this.#lives.set(nameOf(life), life)
    this.#newest.set(life.table, Math.max(life.incarnation, this.#newest.get(life.table) ?? 0))
  }
}

function nameOf({ table, incarnation }: Pick<Incarnation, 'table' | 'incarnation'>): string {
  return `${incarnation} ${table}`
}
