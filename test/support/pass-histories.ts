import { expect } from '@jest/globals'
import type { Batch, KeyState, SourceLog, Table } from '../../runtime/contract.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { Random } from '../crash/random.ts'
import { table, tuple } from './records.ts'

/** Keys of different lengths, in characters that sort in different ways, one a prefix of another. */
const STEMS = ['', '0', '9', 'é', 'k'.repeat(300)]
const KEYS = 25

/** What is known of one life of a table and of the pass over it, kept twice: in a log, and here in plain maps. */
export class PassHistory {
  readonly table: Table
  readonly #random: Random
  /** Texts of the newest rows; undefined: incomplete, null: deleted. */
  readonly #rows = new Map<string, string | null | undefined>()
  readonly #seen = new Set<string>()
  #passes = 0

  constructor(number: number, incarnation: number, id: number, random: Random) {
    this.table = table(`t${number}`, { id, incarnation })
    this.#random = random
  }

  get #pass(): string {
    return `${this.table.id} ${this.#passes}`
  }

  /** Some changes, in a transaction that is open. */
  change(writer: BatchWriter): void {
    const random = this.#random
    if (random.chance(0.05)) {
      writer.truncate(this.table)
      this.#rows.clear()
    }
    for (let i = random.between(0, 6); i > 0; i--) {
      const key = this.#key()
      if (random.chance(0.25)) {
        writer.delete(this.table, tuple(key, undefined), false)
        this.#rows.set(key, null)
      } else {
        const text = random.chance(0.1) ? undefined : this.#text()
        writer.row(random.chance(0.5) ? 'u' : 'c', this.table, tuple(key, text))
        this.#rows.set(key, text)
      }
    }
  }

  /** Now and then a pass begins, or a chunk of it is read. */
  async read(log: SourceLog, registry: readonly Table[]): Promise<void> {
    const random = this.#random
    if (this.#passes === 0 || random.chance(0.1)) {
      this.#passes++
      this.#seen.clear()
      await log.passes!.begin(this.table, this.#pass)
    }
    const isOfPass = random.chance(0.7)
    const rows = Array.from({ length: random.between(0, 8) }, () => [this.#key(), this.#text()] as const)
    const states = await log.states!(chunkOf(this.table, rows, registry), isOfPass ? this.#pass : undefined)
    const got = rows.map(([key, text], i) => [key, text, states.state(i)])
    expect(got).toEqual(rows.map(([key, text]) => [key, text, this.#stateOf(key, text)]))
    if (isOfPass) for (const [key] of rows) this.#seen.add(key)
  }

  /** All that the pass has not seen, in pages of random size. */
  async check(log: SourceLog): Promise<void> {
    const unseen: Uint8Array[] = []
    for (;;) {
      const limit = this.#random.between(1, 10)
      const page = await log.passes!.unseen(this.table, this.#pass, unseen.at(-1), limit)
      unseen.push(...page.map(({ key }) => key))
      if (page.length < limit) break
    }
    const wanted = [...this.#rows].filter(([key, text]) => text !== null && !this.#seen.has(key)).map(([key]) => key)
    expect(unseen.map(key => keyTexts(key)[0]!).sort()).toEqual(wanted.sort())
    expect(unseen.toSorted(Buffer.compare)).toEqual(unseen)
  }

  #stateOf(key: string, text: string): KeyState {
    if (!this.#rows.has(key)) return 'none'
    const known = this.#rows.get(key)
    if (known === null) return 'deleted'
    if (known === undefined) return 'incomplete'
    return known === text ? 'same' : 'different'
  }

  #key(): string {
    return `${STEMS[this.#random.between(0, STEMS.length)]}${this.#random.between(0, KEYS / STEMS.length)}`
  }

  #text(): string {
    return `text ${this.#random.between(0, 3)}`
  }
}

function chunkOf(of: Table, rows: readonly (readonly [string, string])[], registry: readonly Table[]): Batch {
  const writer = new BatchWriter(registry)
  writer.beginLoad('0', 1n)
  for (const row of rows) writer.row('r', of, tuple(...row))
  writer.commit()
  const progress = { done: false, rows: rows.length, totalRows: null, state: '' }
  return writer.take({ lane: `load:${of.name}`, progress })
}
