/**
 * More than a thousand faults in logs that forget rows, in every step: nothing else is lost, nothing revived, nothing left
 * over. `--seed N` is the first of the seeds.
 */
import { seedFrom } from '../crash/random.ts'
import { crashForgetting } from '../support/forget-crashes.ts'
import type { Figures } from '../support/run-full.ts'

const SEEDS = 300
const LEAST = 1000

export default async function run(args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const { removed, ...struck } = await crashForgetting(SEEDS, seed)
  const faults = Object.values(struck).reduce<number>((sum, count) => sum + Number(count), 0)
  if (faults < LEAST) throw new Error(`only ${faults} faults`)
  return { seed, faults, ...struck, 'changes forgotten': removed }
}
