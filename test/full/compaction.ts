import { setImmediate as nextTurn } from 'node:timers/promises'
import { Random, seedFrom } from '../crash/random.ts'
import { crashCompaction, STEPS, stepOf } from '../support/compaction-crash.ts'
import { CompactionHistory, simulatedPlace } from '../support/compaction-history.ts'
import { KILL_POINTS, killCompactions } from '../support/compaction-kills.ts'
import type { FullRun } from '../support/run-full.ts'

const SCHEDULES = 10_000
const STEPS_A_SCHEDULE = 60
const CRASHES_A_STEP = 1000
const LIVES = 6
const ROUNDS = 20

/**
 * Compaction of the embedded log: schedules of writes, deletes, compactions and sinks that are slow, late, stopped,
 * restored or made anew; crashes of a simulated disk in each of its steps; kills of real processes at each named point.
 * Every sink must end with what the source has. `--seed N` repeats a run.
 */
const run: FullRun = async args => {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const figures: Record<string, number> = {
    seed,
    schedules: 0,
    compactions: 0,
    'changes removed': 0,
    'sinks compared': 0,
  }
  const count = (figure: string, by: number): void => {
    figures[figure] = (figures[figure] ?? 0) + by
  }
  const each = async (i: number, work: (random: Random) => Promise<void>): Promise<void> => {
    const of = (seed + i) >>> 0
    // What weak references were looked at lives to the end of the turn.
    await nextTurn()
    try {
      await work(new Random(of))
    } catch (cause) {
      throw new Error(`failed with --seed ${of}`, { cause })
    }
  }
  for (let i = 0; i < SCHEDULES; i++)
    await each(i, async random => {
      const history = new CompactionHistory(random, simulatedPlace(random))
      await history.run(STEPS_A_SCHEDULE)
      count('schedules', 1)
      count('compactions', history.figures.compactions)
      count('changes removed', history.figures.dropped)
      count('sinks compared', history.figures.sinks)
    })
  const isShort = (): boolean => STEPS.some(step => (figures[`crashes, ${step}`] ?? 0) < CRASHES_A_STEP)
  for (let i = 0; isShort(); i++)
    await each(i, async random => {
      for (const struck of await crashCompaction(random, LIVES)) count(`crashes, ${stepOf(struck) ?? 'elsewhere'}`, 1)
    })
  const points = Array.from({ length: ROUNDS }, () => KILL_POINTS).flat()
  const { kills, units } = await killCompactions(points, seed)
  return { ...figures, kills, 'kills at each point': ROUNDS, 'units in that log': units }
}

export default run
