/**
 * More than a million changes of 100,000 rows of a real database: their log compacts to at most 1.15 times that of the same
 * table just loaded, and a sink that is built from it with the database stopped equals the source. No chance in it.
 */
import { compactedSource } from '../support/compacted-source.ts'
import type { Figures } from '../support/run-full.ts'

const MOST = 1.15

export default async function run(): Promise<Figures> {
  const figures = await compactedSource({ rows: 100_000, rounds: 10, segment: '16MB', seconds: 300 })
  if (Number(figures.ratio) > MOST) throw new Error(`${JSON.stringify(figures)}: more than ${MOST}`)
  return figures
}
