/** A small dose of `npm run test:full -- crash`. */
import { expect, it } from '@jest/globals'
import { startPostgres } from '../support/postgres.ts'
import { demandKept } from './checks.ts'
import { describeKill, killThatCounts, type Phase } from './kill.ts'
import { PostgresGround } from './postgres-ground.ts'
import { Random, seedFrom } from './random.ts'
import { Rig } from './rig.ts'

const TRIES = 10

it('keeps its promise through kills in first load, stream, between write and fdatasync, and drain', async () => {
  const seed = seedFrom([])
  const random = new Random(seed)
  const said = [`seed: ${seed}`]
  await using server = await startPostgres()
  await using rig = await Rig.open(await PostgresGround.make(server, 50_000), { seed, rate: 150, filled: 50_000 })
  const kill = async (phase: Phase, passes?: number): Promise<void> =>
    void said.push(describeKill(await killThatCounts(phase, rig, random, { tries: TRIES, passes })))
  try {
    await kill('written', 3)
    await kill('load')
    const loading = await rig.start()
    await loading.wait(120)
    rig.loadIsDone()
    await loading[Symbol.asyncDispose]()
    for (const phase of ['stream', 'written', 'drain', 'written'] as const) await kill(phase)
    const { verdict, sampled, committed } = await rig.prove(await rig.start())
    demandKept(verdict)
    expect(rig.trail.loaded.get('by_number')?.rows.size).toBeGreaterThan(0)
    expect(committed).toBeGreaterThan(0)
    expect(sampled.sightings.length).toBeGreaterThan(0)
  } finally {
    console.log(said.join('\n'))
  }
}, 180_000)
