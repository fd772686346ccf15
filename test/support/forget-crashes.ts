import { Random } from '../crash/random.ts'
import { crashCompaction, STEPS, stepOf } from './compaction-crash.ts'
import { ForgetWork } from './forget-work.ts'
import type { Figures } from './run-full.ts'

const LIVES = 6

/**
 * Logs that forget rows, one for each seed, struck by a fault in every step: none loses another row, revives one or leaves a
 * file behind. Answers the faults by the step they struck, and how many changes were forgotten.
 */
export async function crashForgetting(seeds: number, first: number): Promise<Figures & { readonly removed: number }> {
  const struck = new Map<string, number>(STEPS.map(step => [step, 0]))
  let removed = 0
  for (let seed = first; seed < first + seeds; seed++) {
    const work = new ForgetWork(new Random(seed).fork(1))
    try {
      for (const fault of await crashCompaction(new Random(seed), LIVES, work)) {
        const step = stepOf(fault) ?? 'elsewhere'
        struck.set(step, (struck.get(step) ?? 0) + 1)
      }
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause })
    }
    removed += work.removed
  }
  return { ...Object.fromEntries(struck), removed }
}
