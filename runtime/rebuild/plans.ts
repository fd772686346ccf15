import { readState, replaceState } from '../state-file.ts'

/** How far the rebuilding of a sink is. Each stage can be begun again from its beginning. */
export interface RebuildPlan {
  /**
   * `clearing`: what an earlier one left is removed. `recalling`: what was live before becomes the next generation.
   * `building`: it follows the log. `swapping`: it is put in the place of the live one, which is not written meanwhile.
   */
  readonly stage: 'clearing' | 'recalling' | 'building' | 'swapping'
  /** It is compared with the sources before it is swapped. */
  readonly verify: boolean
}

const FILE = 'rebuilds.json'
const UNREADABLE = {
  code: 'REBUILDS_UNREADABLE',
  hint: 'It lists the sinks that are being rebuilt. Delete it, start, and rebuild them again: tailrace backfill --sink.',
}

/** Which sinks are being rebuilt: a small file beside the logs, so that a restart goes on with it. */
export class RebuildPlans {
  readonly #folder: string
  readonly #plans: Map<string, RebuildPlan>

  private constructor(folder: string, plans: Map<string, RebuildPlan>) {
    this.#folder = folder
    this.#plans = plans
  }

  static async load(folder: string): Promise<RebuildPlans> {
    const found = await readState<Record<string, RebuildPlan>>(folder, FILE, UNREADABLE)
    return new RebuildPlans(folder, new Map(Object.entries(found ?? {})))
  }

  get(sink: string): RebuildPlan | undefined {
    return this.#plans.get(sink)
  }

  /** Durable when it resolves. Undefined: it is not being rebuilt any more. */
  async set(sink: string, plan: RebuildPlan | undefined): Promise<void> {
    if (plan === undefined && !this.#plans.has(sink)) return
    if (plan === undefined) this.#plans.delete(sink)
    else this.#plans.set(sink, plan)
    await replaceState(this.#folder, FILE, Object.fromEntries(this.#plans))
  }
}
