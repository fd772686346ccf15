import type { Incarnation, Incarnations } from './incarnations.ts'
import { Prefix, prefixOf, Scratch } from './layout.ts'
import { removeFrom, type Store, type StoreBatch } from './store.ts'

const NOTHING = Buffer.alloc(0)

interface Pass {
  readonly pass: string
  /** What its evidence is kept under. Never one that was used before: evidence may be left of those. */
  readonly number: number
}

/**
 * Which keys the passes have seen, in the store and in the order of the rows there. It is as durable as the index: it
 * survives the process, and is gone with an index that is built anew.
 */
export class Evidence {
  readonly #store: Store
  readonly #incarnations: Incarnations
  /** By the number of the incarnation. */
  readonly #passes: Map<number, Pass>
  readonly #keys = new Scratch()
  #last: number

  private constructor(store: Store, incarnations: Incarnations, passes: Map<number, Pass>, last: number) {
    this.#store = store
    this.#incarnations = incarnations
    this.#passes = passes
    this.#last = last
  }

  static async load(store: Store, incarnations: Incarnations): Promise<Evidence> {
    const passes = new Map<number, Pass>()
    for await (const [key, value] of store.all(Prefix.pass))
      passes.set(key.readUInt32BE(1), JSON.parse(value.toString('utf8')) as Pass)
    const newest = await store.lastKey(prefixOf(Prefix.seen), prefixOf(Prefix.seen + 1))
    const last = Math.max(newest?.readUInt32BE(1) ?? 0, ...[...passes.values()].map(({ number }) => number))
    return new Evidence(store, incarnations, passes, last)
  }

  /** The number of the pass if it goes over this life of the table and its evidence is whole. */
  find(life: Incarnation | undefined, pass: string): number | undefined {
    const known = life === undefined ? undefined : this.#passes.get(life.number)
    return known?.pass === pass ? known.number : undefined
  }

  /** Takes a key of the table out of all there is. Answers the store's keys, as text of one byte a character. */
  forget(batch: StoreBatch, table: string, key: Uint8Array): string[] {
    const others = new Set<number>()
    for (const [life, { number }] of this.#passes)
      if (this.#incarnations.withNumber(life)?.table !== table) others.add(number)
    const removed: string[] = []
    for (let number = 1; number <= this.#last; number++)
      if (!others.has(number)) removed.push(removeFrom(batch, this.#keys.rowKey(Prefix.seen, number, key)))
    return removed
  }

  /** Puts a key into the batch. */
  note(batch: StoreBatch, number: number, bytes: Uint8Array, keyAt: number, keyEnd: number): void {
    batch.put(this.#keys.rowKey(Prefix.seen, number, bytes, keyAt, keyEnd), NOTHING)
  }

  /** Without any evidence. Ends the pass over the table that there was. */
  async begin(table: string, incarnation: number, pass: string): Promise<void> {
    const life = this.#incarnations.begin(table, incarnation)
    const begun: Pass = { pass, number: ++this.#last }
    const batch = this.#store.batch()
    this.#incarnations.write(batch)
    for (const number of this.#of(table)) batch.del(prefixOf(Prefix.pass, number))
    batch.put(prefixOf(Prefix.pass, life.number), Buffer.from(JSON.stringify(begun)))
    await this.#store.write(batch)
    for (const number of this.#of(table)) this.#passes.delete(number)
    this.#passes.set(life.number, begun)
  }

  async end(life: Incarnation | undefined, pass: string): Promise<void> {
    if (life === undefined || this.find(life, pass) === undefined) return
    await this.#store.write(this.#store.batch().del(prefixOf(Prefix.pass, life.number)))
    this.#passes.delete(life.number)
  }

  /** Removes what passes have left that have ended. Takes its time, in which the store can be used. */
  async clear(): Promise<void> {
    for (let number = 1; number <= this.#last; number++) {
      const next = await this.#store.firstKey(prefixOf(Prefix.seen, number), prefixOf(Prefix.seen + 1))
      if (next === undefined) return
      number = next.readUInt32BE(1)
      const isNeeded = [...this.#passes.values()].some(pass => pass.number === number)
      if (!isNeeded) await this.#store.clear(prefixOf(Prefix.seen, number), prefixOf(Prefix.seen, number + 1))
    }
  }

  /** Incarnations of the table over which a pass goes. */
  #of(table: string): number[] {
    return [...this.#passes.keys()].filter(number => this.#incarnations.withNumber(number)?.table === table)
  }
}
