/** 20 starts under at least 300 transactions a second, each with the three transactions of test/crash/seam.ts. */
import { demandKept, figures } from '../crash/checks.ts'
import { Random, seedFrom } from '../crash/random.ts'
import { startAcrossSeam } from '../crash/seam.ts'
import { startPostgres } from '../support/postgres.ts'
import type { Figures } from '../support/run-full.ts'

const STARTS = 20
const LEAST_RATE = 300

export default async function seam(args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const random = new Random(seed)
  await using server = await startPostgres()
  const sums: Record<string, number> = {}
  let slowest = Number.POSITIVE_INFINITY
  let transactions = 0
  let counted = 0
  for (let attempt = 1; counted < STARTS; attempt++) {
    if (attempt > 2 * STARTS) throw new Error('too many starts that do not count')
    const options = { seed: random.between(0, 2 ** 31), rate: 400, filled: 150_000, streamMs: 1500 }
    const proof = await startAcrossSeam(server, options)
    if (proof === undefined) {
      console.log(`start ${attempt} does not count: the copy was too quick`)
      continue
    }
    const { verdict, rate, committed, aborted, sampled } = proof
    demandKept(verdict)
    if (rate < LEAST_RATE) {
      console.log(
        `start ${attempt} does not count: only ${rate.toFixed(0)} transactions a second, the machine is too busy`,
      )
      continue
    }
    counted++
    slowest = Math.min(slowest, rate)
    transactions += committed
    for (const [name, number] of Object.entries(figures(verdict))) sums[name] = (sums[name] ?? 0) + number
    console.log(
      `start ${counted}: ${committed} committed, ${aborted} aborted, ${rate.toFixed(0)}/s, sampled at ${sampled.rate.toFixed(0)} Hz`,
    )
  }
  return { seed, starts: counted, transactions, 'slowest writer, tx/s': Math.round(slowest), ...sums }
}
