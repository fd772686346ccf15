/**
 * Ten thousand tables in bounded memory: first load, changes in each, restart and standing still, without a sink and
 * with two; what arrives equal to the source. `--tables N`, `--sink none|sqlite|jsonl` for one of them. There is no chance
 * in it.
 */
import { LARGE_SETTINGS } from '../support/large/large-pipeline.ts'
import { manyTables, type TablesDose } from '../support/large/tables.ts'
import { startPostgres } from '../support/postgres.ts'
import type { Figures, FullRun } from '../support/run-full.ts'

const TABLES = 10_000
const ROWS = 10
const SECONDS = 900
const IDLE_SECONDS = 30
const SINKS: readonly TablesDose['sink'][] = [undefined, 'sqlite', 'jsonl']

const run: FullRun = async args => {
  const option = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`)
    return at === -1 ? undefined : args[at + 1]
  }
  const tables = Number(option('tables') ?? TABLES)
  const only = option('sink')
  const all: Record<string, Figures[string]> = { seed: 'none' }
  for (const sink of SINKS) {
    const name = sink ?? 'none'
    if (only !== undefined && only !== name) continue
    await using server = await startPostgres({ settings: LARGE_SETTINGS })
    const figures = await manyTables(server, { tables, rows: ROWS, sink, seconds: SECONDS, idleSeconds: IDLE_SECONDS })
    console.log(`${tables} tables, sink ${name}: ${JSON.stringify(figures)}`)
    for (const [figure, value] of Object.entries(figures)) all[`${name}: ${figure}`] = value
  }
  return all
}

export default run
