import type { Fence, LoggedChange, Source, TransactionId } from '../contract.ts'
import { isSeen, type Written } from './decide.ts'

/**
 * What a pass leaves in doubt until every row is read again: what the log had of the table when the stream passed its
 * first fence may be of before a gap, and nothing is taken from it. A row that comes without all of its cells then stays
 * incomplete, also where the log had them from a commit that the fence does not see.
 */
export class Doubt {
  /** Id of the pass. */
  readonly pass: string
  /** Up to this version. */
  readonly until: bigint
  readonly #fence: Fence
  readonly #sees: Source['sees']
  /** Transactions that nothing was taken from, and that no fence so far sees: at most those under way at the first one. */
  readonly #unseen = new Set<TransactionId>()

  constructor(pass: string, until: bigint, fence: Fence, sees: Source['sees']) {
    this.pass = pass
    this.until = until
    this.#fence = fence
    this.#sees = sees
  }

  /** Asked before cells are taken from the newest row of a key. */
  isDoubtful({ version, transaction }: LoggedChange, lineageFrom: bigint): boolean {
    if (version > this.until) return false
    if (transaction !== undefined && !isSeen({ version, transaction }, this.#fence, lineageFrom, this.#sees))
      this.#unseen.add(transaction)
    return true
  }

  /**
   * Whether a chunk under this fence cannot say what is true of a key whose newest row it does not see: that row may have
   * been completed from before a gap, or lack cells that a commit wrote which the fence does not see either. It is then to
   * be read again, which ends: what came behind `until` is not waited for.
   */
  isUndecided({ version }: Written, isIncomplete: boolean, fence: Fence): boolean {
    if (version <= this.until) return true
    if (!isIncomplete) return false
    for (const transaction of this.#unseen) if (this.#sees(fence, transaction)) this.#unseen.delete(transaction)
    return this.#unseen.size > 0
  }
}
