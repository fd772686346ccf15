import type { GenerateConfig } from './config.ts'
import { hash } from './hash.ts'

/**
 * What happens, as arithmetic: every change follows from the seed and its number, so that the source can go on at any
 * transaction without a memory of what came before.
 *
 * Changes are numbered from 0. Ten in a row are a block: six inserts, three updates, one delete, all of one table; where
 * tables keep their size one insert, eight updates, one delete. Blocks go round the tables. Inserts take the next id, deletes the lowest live one, so that the live ids of a table
 * are always one window. Transactions are numbered from 1; 91 in a row hold 10 to 100 changes each, every size once.
 */
const BLOCK = 10
const GROWING = patternOf('cucdccucuc')
const STEADY = patternOf('uudcuuuuuu')
/** The delete and the insert behind it are one primary-key change in one of so many blocks. */
const KEY_CHANGE_EVERY = 5
const TRUNCATE_EVERY = 500

const SMALLEST = 10
const LARGEST = 100
const CYCLE = LARGEST - SMALLEST + 1

type Letter = 'c' | 'u' | 'd'

interface Pattern {
  readonly kinds: readonly Letter[]
  readonly inserts: number
  /** Inserts, and deletes, of the block ahead of each of its changes. */
  readonly insertsBefore: readonly number[]
  readonly deletesBefore: readonly number[]
}

function patternOf(letters: string): Pattern {
  const kinds = [...letters] as Letter[]
  const before = (kind: Letter): number[] => kinds.map((_, i) => kinds.slice(0, i).filter(one => one === kind).length)
  const inserts = kinds.filter(kind => kind === 'c').length
  return { kinds, inserts, insertsBefore: before('c'), deletesBefore: before('d') }
}

/** One change, filled anew by each `Workload.describe`. */
export interface Step {
  /** `moved`: the row `id` becomes `newId`, which takes two changes. */
  kind: 'c' | 'u' | 'd' | 'moved'
  table: number
  id: number
  newId: number
  /** The table is truncated first, in the same transaction. */
  truncate: boolean
}

export class Workload {
  readonly #config: GenerateConfig
  /** Changes of a cycle before each of its transactions, and their sum. */
  readonly #before = new Uint32Array(CYCLE + 1)
  readonly #total: number
  readonly #pattern: Pattern

  constructor(config: GenerateConfig) {
    this.#config = config
    this.#pattern = config.steady ? STEADY : GROWING
    this.#total = config.changes ?? Number.POSITIVE_INFINITY
    const sizes = Array.from({ length: CYCLE }, (_, i) => SMALLEST + i)
    for (let i = CYCLE - 1; i > 0; i--) {
      const j = hash(config.seed, i, 0) % (i + 1)
      ;[sizes[i], sizes[j]] = [sizes[j]!, sizes[i]!]
    }
    sizes.forEach((size, i) => {
      this.#before[i + 1] = this.#before[i]! + size
    })
  }

  /** Number of the first change of a transaction, which is how many there are before it. */
  start(transaction: number): number {
    const place = (transaction - 1) % CYCLE
    const cycle = (transaction - 1 - place) / CYCLE
    return Math.min(this.#total, cycle * this.#before[CYCLE]! + this.#before[place]!)
  }

  /** The transaction that holds the change. */
  #transactionOf(change: number): number {
    const within = change % this.#before[CYCLE]!
    const cycle = (change - within) / this.#before[CYCLE]!
    let place = 0
    while (this.#before[place + 1]! <= within) place++
    return cycle * CYCLE + place + 1
  }

  /** Number of the last transaction; infinite for endless workloads. */
  get last(): number {
    if (this.#total === 0) return 0
    return this.#total === Number.POSITIVE_INFINITY ? this.#total : this.#transactionOf(this.#total - 1)
  }

  /** How many transactions are whole within the first `changes` changes. */
  wholeWithin(changes: number): number {
    return changes >= this.#total ? this.last : this.#transactionOf(changes) - 1
  }

  /** What change `change` does, in a transaction that ends before change `end`. */
  describe(change: number, end: number, step: Step): void {
    const { tables, rows, seed, truncates, keyChanges } = this.#config
    const { kinds, inserts, insertsBefore, deletesBefore } = this.#pattern
    const place = change % BLOCK
    const block = (change - place) / BLOCK
    step.table = block % tables
    const turn = (block - step.table) / tables
    const floor = truncates ? turn - (turn % TRUNCATE_EVERY) : 0
    const highest = rows + inserts * turn + insertsBefore[place]!
    const deleted = (floor === 0 ? 0 : rows + inserts * floor) + (turn - floor) + deletesBefore[place]!
    step.kind = kinds[place]!
    step.truncate = floor !== 0 && turn === floor && place === 0
    step.newId = 0
    if (step.kind === 'c') step.id = highest + 1
    else if (step.kind === 'u') step.id = deleted + 1 + (hash(seed, change, step.table) % (highest - deleted))
    else {
      step.id = deleted + 1
      if (!keyChanges || turn % KEY_CHANGE_EVERY !== KEY_CHANGE_EVERY - 1 || change + 1 >= end) return
      step.kind = 'moved'
      step.newId = highest + 1
    }
  }
}
