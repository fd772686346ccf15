/** A small dose of `npm run test:full -- mysql-seam` and `-- mysql-crash`. */
import { expect, it } from '@jest/globals'
import { describeFlavors } from '../support/mysql/flavors.ts'
import { demandKept } from './checks.ts'
import { describeKill, killThatCounts, type Phase } from './kill.ts'
import { MysqlGround } from './mysql-ground.ts'
import { startMysqlAcrossSeam } from './mysql-seam.ts'
import { Random, seedFrom } from './random.ts'
import { Rig } from './rig.ts'

const TRIES = 10

await describeFlavors(server => {
  it('loses and repeats nothing at the seam between first load and stream', async () => {
    const seed = seedFrom([])
    console.log(`seed: ${seed}`)
    const proof = await startMysqlAcrossSeam(server(), { seed, rate: 200, filled: 60_000, streamMs: 500 })
    demandKept(proof.verdict)
    expect(proof.committed).toBeGreaterThan(0)
    expect(proof.sampled.sightings.length).toBeGreaterThan(0)
  }, 180_000)

  it('keeps its promise through kills in first load, stream, between write and fdatasync, and drain, and of the server', async () => {
    const seed = seedFrom([])
    const random = new Random(seed)
    const said = [`seed: ${seed}`]
    const filled = 50_000
    await using rig = await Rig.open(await MysqlGround.make(server(), filled), { seed, rate: 150, filled })
    const kill = async (phase: Phase, passes?: number): Promise<void> =>
      void said.push(describeKill(await killThatCounts(phase, rig, random, { tries: TRIES, passes })))
    try {
      await kill('written', 3)
      await kill('load')
      const loading = await rig.start()
      await loading.wait(120)
      rig.loadIsDone()
      await server().kill()
      await server().start()
      await loading.wait(120)
      await loading[Symbol.asyncDispose]()
      for (const phase of ['stream', 'written', 'drain', 'written'] as const) await kill(phase)
      const { verdict, sampled, committed } = await rig.prove(await rig.start())
      demandKept(verdict)
      expect(committed).toBeGreaterThan(0)
      expect(sampled.sightings.length).toBeGreaterThan(0)
    } finally {
      console.log(said.join('\n'))
    }
  }, 300_000)
})
