/** 20 kills of a process that writes into a DuckDB file, in each mode: rows and cursor stay together. `--seed N`. */
import { Random, seedFrom } from '../crash/random.ts'
import { killWriters } from '../support/duckdb-kills.ts'
import type { Figures } from '../support/run-full.ts'

const TIMES = 20

export default async function duckdbKills(args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  const random = new Random(seed)
  return {
    seed,
    'kills, rows': await killWriters(TIMES, 'rows', random),
    'kills, changes': await killWriters(TIMES, 'changes', random),
  }
}
