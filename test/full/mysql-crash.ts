/**
 * 52 kills of the pipeline under load, 13 in each phase of test/crash/kill.ts, and 20 of the server while it streams; then
 * the seven checks. On MySQL with and without GTIDs and on MariaDB. `--each N`, `--server-kills N`, `--rate N`,
 * `--filled N`, `--server NAME`.
 */
import { setTimeout } from 'node:timers/promises'
import { demandKept, figures } from '../crash/checks.ts'
import { describeKill, killThatCounts, type Phase } from '../crash/kill.ts'
import { MysqlGround } from '../crash/mysql-ground.ts'
import { Random, seedFrom } from '../crash/random.ts'
import { Rig } from '../crash/rig.ts'
import { type FullServer, fullServers, numberOf } from '../support/mysql/full-servers.ts'
import { type MysqlServer, startMysql } from '../support/mysql/server.ts'
import type { Figures } from '../support/run-full.ts'

const LATER: readonly Phase[] = ['stream', 'written', 'drain']
/** Of one phase in a row that did not count. */
const MOST_IDLE = 20

export default async function mysqlCrash(args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const result: Record<string, number> = { seed }
  for (const one of fullServers(args)) {
    for (const [name, number] of Object.entries(await killed(one, new Random(seed), seed, args)))
      result[`${one.name}, ${name}`] = number
  }
  return result
}

async function killed(
  { name, flavor, options }: FullServer,
  random: Random,
  seed: number,
  args: readonly string[],
): Promise<Record<string, number>> {
  const [each, filled] = [numberOf(args, 'each', 13), numberOf(args, 'filled', 300_000)]
  await using server = await startMysql({ flavor, options })
  const ground = await MysqlGround.make(server, filled)
  await using rig = await Rig.open(ground, { seed, rate: numberOf(args, 'rate', 330), filled })
  let kills = 0
  const kill = async (phase: Phase): Promise<void> => {
    const done = await killThatCounts(phase, rig, random, { tries: MOST_IDLE })
    console.log(`${name}, kill ${++kills} ${describeKill(done)}`)
  }

  for (let i = 0; i < each; i++) await kill('load')
  const loading = await rig.start()
  await loading.wait(900)
  rig.loadIsDone()
  await loading.wait(900)
  const serverKills = numberOf(args, 'server-kills', 20)
  for (let i = 0; i < serverKills; i++) await killServer(server, random)
  await loading.wait(900)
  await loading[Symbol.asyncDispose]()
  for (let i = 0; i < each; i++) for (const phase of LATER) await kill(phase)
  const { verdict, committed, aborted, rate } = await rig.prove(await rig.start())
  demandKept(verdict)
  const writer = Math.round(rate)
  return { kills, 'kills of the server': serverKills, committed, aborted, 'writer, tx/s': writer, ...figures(verdict) }
}

async function killServer(server: MysqlServer, random: Random): Promise<void> {
  await setTimeout(random.between(300, 2500))
  await server.kill()
  await server.start()
}
