import type { UnseenKey } from '../../../contract.ts'
import type { Incarnation } from './incarnations.ts'
import { behind, KEY_AT, Prefix, prefixOf, RowFlag, rowOffset, TRANSACTION_AT } from './layout.ts'
import { type PackedRuns, RunPacker, runAt } from './packing.ts'
import { transactionId } from './row-states.ts'
import type { KeyWalk, Store } from './store.ts'

/** Entries that a walk asks for at a time. */
const PAGE = 2000

export interface PackedUnseen {
  readonly keys: PackedRuns
  readonly versions: Float64Array<ArrayBuffer>
  readonly transactions: PackedRuns
}

export function unpackUnseen({ keys, versions, transactions }: PackedUnseen): UnseenKey[] {
  return Array.from(versions, (version, i) => ({
    key: runAt(keys, i),
    version: BigInt(version),
    transaction: transactionId(runAt(transactions, i)),
  }))
}

/**
 * Live keys of the incarnation, as it all stands at the call, of which the pass (by its number) has no evidence: at most
 * `limit`, behind `after`; fewer also when it was stopped. Rows and evidence stand in the same order, so both are walked once, side by side.
 */
export async function unseenKeys(
  store: Store,
  life: Incarnation,
  pass: number,
  after: Uint8Array | undefined,
  limit: number,
  isStopped: () => boolean,
): Promise<PackedUnseen> {
  const { floor } = life
  await using rows = store.entries(behind(Prefix.row, life.number, after), prefixOf(Prefix.row, life.number + 1))
  await using evidence = store.keys(behind(Prefix.seen, pass, after), prefixOf(Prefix.seen, pass + 1))
  const seen = new SeenKeys(evidence)
  const keys = new RunPacker(limit)
  const versions = new Float64Array(limit)
  const transactions = new RunPacker(limit)
  while (keys.count < limit && !isStopped()) {
    const page = await rows.nextv(PAGE)
    if (page.length === 0) break
    for (const [key, value] of page) {
      if (keys.count === limit) break
      if (rowOffset(value) < floor || (value[0]! & RowFlag.delete) !== 0) continue
      let isSeen = seen.has(key)
      for (; isSeen === undefined; isSeen = seen.has(key)) await seen.more()
      if (isSeen) continue
      versions[keys.count] = rowOffset(value)
      transactions.add(value, TRANSACTION_AT, value.length)
      keys.add(key, KEY_AT, key.length)
    }
  }
  return { keys: keys.packed(), versions: versions.slice(0, keys.count), transactions: transactions.packed() }
}

/** Asked for keys in order only. */
class SeenKeys {
  readonly #walk: KeyWalk
  #page: Buffer[] = []
  #at = 0
  #isAtEnd = false

  constructor(walk: KeyWalk) {
    this.#walk = walk
  }

  /** By the key of a row; undefined: not known before `more`. */
  has(key: Buffer): boolean | undefined {
    for (; this.#at < this.#page.length; this.#at++) {
      const order = this.#page[this.#at]!.compare(key, KEY_AT, key.length, KEY_AT)
      if (order >= 0) return order === 0
    }
    return this.#isAtEnd ? false : undefined
  }

  async more(): Promise<void> {
    this.#page = await this.#walk.nextv(PAGE)
    this.#at = 0
    this.#isAtEnd = this.#page.length === 0
  }
}
