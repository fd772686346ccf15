/** 52 kills of the pipeline under load: 13 in each phase of test/crash/kill.ts, then the seven checks. */
import { demandKept, figures } from '../crash/checks.ts'
import { describeKill, killThatCounts, type Phase } from '../crash/kill.ts'
import { PostgresGround } from '../crash/postgres-ground.ts'
import { Random, seedFrom } from '../crash/random.ts'
import { Rig } from '../crash/rig.ts'
import { startPostgres } from '../support/postgres.ts'
import type { Figures } from '../support/run-full.ts'

const EACH = 13
const ROWS = 1_000_000
const RATE = 330
const LATER: readonly Phase[] = ['stream', 'written', 'drain']
/** Of one phase in a row that did not count. */
const MOST_IDLE = 20

export default async function crash(args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const random = new Random(seed)
  await using server = await startPostgres()
  await using rig = await Rig.open(await PostgresGround.make(server, ROWS), { seed, rate: RATE, filled: ROWS })
  let kills = 0
  const kill = async (phase: Phase): Promise<void> => {
    const done = await killThatCounts(phase, rig, random, { tries: MOST_IDLE })
    console.log(`kill ${++kills} ${describeKill(done)}`)
  }

  for (let i = 0; i < EACH; i++) await kill('load')
  const restarts = rig.trail.loaded.get('by_number')?.restarts ?? 0
  const loading = await rig.start()
  await loading.wait(900)
  rig.loadIsDone()
  // Once more, for what was written meanwhile: the later kills shall meet sinks at the head of the log.
  await loading.wait(900)
  await loading[Symbol.asyncDispose]()
  for (let i = 0; i < EACH; i++) for (const phase of LATER) await kill(phase)

  const { verdict, sampled, committed, aborted, rate, slotSamples } = await rig.prove(await rig.start())
  const result = {
    seed,
    kills,
    'loads begun again': restarts,
    committed,
    aborted,
    'writer, tx/s': Math.round(rate),
    'sinks sampled, Hz': Number(sampled.rate.toFixed(1)),
    'sightings in sinks': sampled.sightings.length,
    'slot samples': slotSamples,
    ...figures(verdict),
  }
  demandKept(verdict)
  return result
}
