import { seedFrom } from '../crash/random.ts'
import { crashLog } from '../support/log-crash.ts'
import type { FullRun } from '../support/run-full.ts'

const CRASH_POINTS = 10_000
const LIVES = 8

/**
 * 10,000 crash points of the embedded log on a simulated disk that loses, tears and reorders what was not synced.
 * `--seed N` repeats a run.
 */
const run: FullRun = async args => {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const figures = { seed, logs: 0, crashPoints: 0, acknowledgedUnits: 0, droppedUnits: 0, keptUnacknowledged: 0 }
  while (figures.crashPoints < CRASH_POINTS) {
    const ofLog = (seed + figures.logs) >>> 0
    try {
      const { crashPoints, acknowledged, lost, unfinished } = await crashLog(ofLog, LIVES)
      figures.crashPoints += crashPoints
      figures.acknowledgedUnits += acknowledged
      figures.droppedUnits += lost
      figures.keptUnacknowledged += unfinished
    } catch (cause) {
      throw new Error(`failed with --seed ${ofLog}`, { cause })
    }
    figures.logs++
  }
  return figures
}

export default run
