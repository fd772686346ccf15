/**
 * Large values and transactions in bounded memory, keepalives answered throughout with wal_sender_timeout=5s, what
 * arrives equal to the source. `--only transaction|rows|value|columns` runs one of them, `--seed N` repeats a run.
 */
import { seedFrom } from '../crash/random.ts'
import { manyColumns } from '../support/large/columns.ts'
import { LARGE_SETTINGS } from '../support/large/large-pipeline.ts'
import { SINKS, type SinkName } from '../support/large/readers.ts'
import { largeTransaction, type TransactionDose } from '../support/large/transaction.ts'
import { largeValue, VALUE_FORMS } from '../support/large/value.ts'
import { startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import type { Figures, FullRun } from '../support/run-full.ts'

const MB = 1e6
const SECONDS = 900
/** What memory may be at most, in MB. With a sink that of a transaction is told and not limited. */
const MOST = { transaction: 200, value: 350, valueInSink: 600 }
/** Of cells. */
const ROW_BYTES = 275

const CASES = ['transaction', 'rows', 'value', 'columns'] as const

const run: FullRun = async args => {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const at = args.indexOf('--only')
  const chosen = at === -1 ? CASES : CASES.filter(name => name === args[at + 1])
  if (chosen.length === 0) throw new Error(`--only takes one of ${CASES.join(', ')}`)
  await using server = await startPostgres({ settings: LARGE_SETTINGS })
  await using redis = await startRedis()
  const all: Record<string, Figures[string]> = { seed }
  const short: string[] = []
  const measure = async (name: string, limit: number | undefined, measured: Promise<Figures>): Promise<void> => {
    const figures = await measured
    console.log(`${name}: ${JSON.stringify(figures)}`)
    for (const [figure, value] of Object.entries(figures)) {
      all[`${name}: ${figure}`] = value
      if (limit !== undefined && figure.endsWith(', MB') && Number(value) > limit)
        short.push(`${name}: ${figure} is ${value}, more than ${limit}`)
    }
  }
  const sinks: readonly (SinkName | undefined)[] = [undefined, ...SINKS]
  for (const sink of [undefined, 'sqlite'] as const) {
    const common = { seconds: SECONDS, sink }
    const measured = (dose: Omit<TransactionDose, 'seconds' | 'sink'>): Promise<Figures> =>
      largeTransaction(server, { ...dose, ...common }, seed)
    const into = sink ?? 'no sink'
    const limit = sink === undefined ? MOST.transaction : undefined
    if (chosen.includes('transaction')) {
      const plain = { rows: Math.ceil(1e9 / ROW_BYTES), pad: 150, savepoints: false, wide: 0 }
      await measure(`1 GB transaction, ${into}`, limit, measured(plain))
      const parted = { ...plain, savepoints: true, wide: 1000 }
      await measure(`1 GB with savepoints, ${into}`, limit, measured(parted))
    }
    if (chosen.includes('rows')) {
      const dose = { rows: 5_000_000, pad: 32, savepoints: true, wide: 1000 }
      await measure(`5 M rows with savepoints, ${into}`, limit, measured(dose))
    }
  }
  if (chosen.includes('value'))
    for (const sink of sinks)
      for (const form of VALUE_FORMS) {
        const limit = sink === undefined ? MOST.value : MOST.valueInSink
        const measured = largeValue(server, redis, { bytes: 100 * MB, form, sink }, seed)
        await measure(`100 MB ${form}, ${sink ?? 'no sink'}`, limit, measured)
      }
  if (chosen.includes('columns'))
    for (const sink of sinks)
      await measure(
        `1,600 columns, ${sink ?? 'no sink'}`,
        undefined,
        manyColumns(server, redis, { columns: 1600, rows: 100, sink }),
      )
  if (short.length > 0) throw new Error(short.join('\n'))
  return all
}

export default run
