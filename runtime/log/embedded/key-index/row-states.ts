import type { KeyState, RowStates, TransactionId } from '../../../contract.ts'
import { asBuffer } from '../../../record/cells.ts'
import { type PackedRuns, RunPacker, runAt } from './packing.ts'

/** What is known of the keys of a batch, on its way between threads: nothing is made for a single row. */

/** A state is packed as its place here. */
const KEY_STATES: readonly KeyState[] = ['none', 'same', 'different', 'incomplete', 'deleted']
export const StateCode = { none: 0, same: 1, different: 2, incomplete: 3, deleted: 4 } as const

export interface PackedStates {
  readonly states: Uint8Array<ArrayBuffer>
  readonly versions: Float64Array<ArrayBuffer>
  /** Their numbers; empty where there is none. */
  readonly transactions: PackedRuns
  readonly truncated: { readonly version: number; readonly transaction: string } | undefined
}

const NOTHING = new Uint8Array(0)

/** Fills with the states of a batch, row by row. */
export class StatesPacker {
  readonly #states: Uint8Array<ArrayBuffer>
  readonly #versions: Float64Array<ArrayBuffer>
  readonly #transactions: RunPacker

  constructor(count: number) {
    this.#states = new Uint8Array(count)
    this.#versions = new Float64Array(count)
    this.#transactions = new RunPacker(count)
  }

  none(): void {
    this.#transactions.add(NOTHING, 0, 0)
  }

  /** The transaction's number stands in `bytes` from `from` on. */
  add(state: number, version: number, bytes: Uint8Array, from: number): void {
    this.#states[this.#transactions.count] = state
    this.#versions[this.#transactions.count] = version
    this.#transactions.add(bytes, from, bytes.length)
  }

  packed(truncated: PackedStates['truncated']): PackedStates {
    const transactions = this.#transactions.packed()
    return { states: this.#states, versions: this.#versions, transactions, truncated }
  }
}

export function unpackStates({ states, versions, transactions, truncated }: PackedStates): RowStates {
  return {
    count: states.length,
    state: row => KEY_STATES[states[row]!]!,
    version: row => BigInt(versions[row]!),
    transaction: row => transactionId(runAt(transactions, row)),
    truncated: truncated && {
      version: BigInt(truncated.version),
      transaction: truncated.transaction === '' ? undefined : (truncated.transaction as TransactionId),
    },
  }
}

/** Undefined for that of a load, which has none. */
export function transactionId(bytes: Uint8Array): TransactionId | undefined {
  return bytes.length === 0 ? undefined : (asBuffer(bytes).toString('utf8') as TransactionId)
}
