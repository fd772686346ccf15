/**
 * Every sink beside its target's own bulk limit with the same batch size, one after the other: the benchmarks of their
 * names. `--only NAME` takes one of them.
 */
import { parseArgs } from 'node:util'
import clickhouse from './clickhouse.ts'
import duckdb from './duckdb.ts'
import elasticsearch from './elasticsearch.ts'
import kafka from './kafka.ts'
import parquet from './parquet.ts'
import postgres from './postgres-sink.ts'
import sqlite from './sqlite.ts'
import { type BenchResult, note } from './support/result.ts'

const SINKS = { sqlite, duckdb, postgres, elasticsearch, clickhouse, parquet, kafka }

export default async function sinks(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { only: { type: 'string' } } })
  const ratios: Record<string, number | null> = {}
  const medians: Record<string, number | string | null> = {}
  for (const [name, bench] of Object.entries(SINKS)) {
    if (values.only !== undefined && values.only !== name) continue
    note(name)
    const result = await bench([])
    for (const [yardstick, ratio] of Object.entries(result.ratios)) ratios[`${name}: ${yardstick}`] = ratio
    for (const [what, median] of Object.entries(result.medians)) medians[`${name}: ${what}`] = median
  }
  return { ratios, medians }
}
