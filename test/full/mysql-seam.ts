/**
 * 20 starts under 500 transactions a second, each with the two transactions of test/crash/mysql-seam.ts, on MySQL with
 * and without GTIDs and on MariaDB. `--starts N`, `--rate N`, `--server NAME`.
 */
import { demandKept, figures } from '../crash/checks.ts'
import { startMysqlAcrossSeam } from '../crash/mysql-seam.ts'
import { Random, seedFrom } from '../crash/random.ts'
import { fullServers, numberOf } from '../support/mysql/full-servers.ts'
import { startMysql } from '../support/mysql/server.ts'
import type { Figures } from '../support/run-full.ts'

export default async function mysqlSeam(args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const random = new Random(seed)
  const [starts, rate] = [numberOf(args, 'starts', 20), numberOf(args, 'rate', 500)]
  const result: Record<string, number> = { seed }
  for (const { name, flavor, options, locks } of fullServers(args)) {
    await using server = await startMysql({ flavor, options })
    const sums: Record<string, number> = { transactions: 0 }
    let slowest = Number.POSITIVE_INFINITY
    for (let start = 1; start <= starts; start++) {
      const seam = { seed: random.between(0, 2 ** 31), rate, filled: 100_000, streamMs: 1500, locks }
      const proof = await startMysqlAcrossSeam(server, seam)
      demandKept(proof.verdict)
      slowest = Math.min(slowest, proof.rate)
      sums.transactions! += proof.committed
      for (const [figure, number] of Object.entries(figures(proof.verdict))) sums[figure] = (sums[figure] ?? 0) + number
      console.log(
        `${name}, start ${start}: ${proof.committed} committed, ${proof.aborted} aborted, ${proof.rate.toFixed(0)}/s`,
      )
    }
    result[`${name}, starts`] = starts
    result[`${name}, slowest writer, tx/s`] = Math.round(slowest)
    for (const [figure, number] of Object.entries(sums)) result[`${name}, ${figure}`] = number
  }
  return result
}
