/**
 * A sink built from a compacted log on disk, beside the same sink fed with the same rows from memory: `sqlite` and
 * `duckdb`. The log has had every row inserted and then updated. `--rows N` (300000), `--rounds N` (3).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Position, SinkContext, SourceLog, Target } from '../../runtime/contract.ts'
import embedded from '../../runtime/log/embedded.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { createLogger } from '../../runtime/logger.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { openInWorker } from '../../runtime/worker/client.ts'
import duckdb from '../../sinks/duckdb.ts'
import { tuple } from '../support/scripted-log.ts'
import { deliverAll } from './support/deliver-all.ts'
import { orderRow, orders } from './support/order-rows.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const TRANSACTION_ROWS = 100
const LIMITS = { maxRows: 5000, maxBytes: 8 * 1024 * 1024 }
const SINKS = ['sqlite', 'duckdb'] as const
type SinkType = (typeof SINKS)[number]

const { signal } = new AbortController()
const logger = createLogger('error')

export default async function rebuild(args: readonly string[]): Promise<BenchResult> {
  const options = { rows: { type: 'string', default: '300000' }, rounds: { type: 'string', default: '3' } } as const
  const { values } = parseArgs({ args: [...args], options })
  const [rows, rounds] = [Number(values.rows), Number(values.rounds)]
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-rebuild-'))
  try {
    const memory = new OrderedMemoryLog()
    await fill(memory, rows, [1])
    const config = { path: folder, keepHistory: '0s', deleteRetention: '0s' }
    const context = { pipeline: 'bench', name: 'app', logger, folder: join(folder, 'log') }
    await using log = await embedded.open(embedded.config.parse(config), context)
    await fill(log, rows, [0, 1])
    const { scanned, kept, bytesAfter } = await log.compact!(signal)
    note(`compacted: ${kept} of ${scanned} changes, ${(bytesAfter / 1e6).toFixed(0)} MB`)
    const ratios: Record<string, number | null> = {}
    const medians: Record<string, number> = {}
    for (const type of SINKS) {
      const figures = { log: [] as number[], memory: [] as number[] }
      // The first round warms up.
      for (let round = 0; round <= rounds; round++) {
        const fromLog = rows / (await build(type, log, join(folder, `log-${round}.${type}`)))
        const fromMemory = rows / (await build(type, memory, join(folder, `memory-${round}.${type}`)))
        if (round === 0) continue
        note(
          `${type}, round ${round}: from the log ${fromLog.toFixed(0)} k/s, from memory ${fromMemory.toFixed(0)} k/s`,
        )
        figures.log.push(fromLog)
        figures.memory.push(fromMemory)
      }
      ratios[`${type} fed from memory`] = pairedRatio(figures.log, figures.memory)
      medians[`${type} from the log, k/s`] = Math.round(median(figures.log))
      medians[`${type} from memory, k/s`] = Math.round(median(figures.memory))
    }
    return { ratios, medians }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function fill(log: SourceLog, rows: number, passes: readonly number[]): Promise<void> {
  const writer = new BatchWriter()
  let transactions = 0
  for (const pass of passes)
    for (let from = 0; from < rows; from += TRANSACTION_ROWS) {
      const position = `0/${++transactions}` as Position
      writer.begin(String(transactions), position, BigInt(transactions) * 1000n)
      if (!writer.registry.has(orders.id)) writer.announce(orders)
      for (let i = from; i < Math.min(rows, from + TRANSACTION_ROWS); i++)
        writer.row(pass === 0 ? 'c' : 'u', orders, tuple(orderRow(i, pass)))
      writer.commit()
      await log.append(writer.take({ lane: 'stream', position }), signal)
    }
}

/** Milliseconds until the new sink stands at the end of the log. */
async function build(type: SinkType, log: SourceLog, path: string): Promise<number> {
  const name = `copy ${path}`
  await using target = await openTarget(type, path, {
    ...{ pipeline: 'bench', name, logger, sources: ['app'], onDelete: 'delete' as const },
  })
  await using sink = await target.sink({ name: 'app', logId: log.id }, signal)
  const ms = await deliverAll(log, sink, name, LIMITS)
  await log.readers.remove(name)
  return ms
}

function openTarget(type: SinkType, path: string, context: SinkContext): Promise<Target> {
  if (type === 'duckdb') return duckdb.open(duckdb.config.parse({ path }), context)
  return openInWorker('sqlite', '.', { path, name: '{schema}_{table}', search: {} }, context)
}
