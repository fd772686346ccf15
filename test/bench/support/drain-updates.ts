/**
 * A table's rows into a fresh embedded log with its index, then the updates that wait in a slot:
 * `drain-updates.ts URL SLOT PUBLICATION TABLE END_LSN LOG completed|sent`. `completed`: as ingest does. `sent`:
 * unchanged values stay out of the log. Prints, of the updates alone, changes, milliseconds until all was durable and
 * indexed, CPU, memory and bytes of log, and how many keys lack values at the end, as JSON.
 */
import { parseLsn } from '../../../connectors/postgres/position.ts'
import { Completer } from '../../../runtime/complete.ts'
import type { Batch, Position, SourceLog } from '../../../runtime/contract.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { openSlot, sampleMemory } from './slot-stream.ts'

const [url, slot, publication, name, end, folder, form] = process.argv.slice(2) as string[] as Arguments
type Arguments = [string, string, string, string, string, string, 'completed' | 'sent']

const TEXT = { getTypeParser: () => (value: string) => value }

const logger = createLogger('warn')
const { signal } = new AbortController()
const { stream, table, sql } = await openSlot(url, slot, publication, name, true)
await using _ = sql
const context = { pipeline: 'bench', name: 'app', logger, folder }
await using log = await embedded.open(embedded.config.parse({ path: folder }), context)
const completer = form === 'completed' ? new Completer(log, {}) : undefined

await load()
const before = (await log.stats()).bytes!
const memory = sampleMemory()
const cpu = process.cpuUsage()
const began = performance.now()
const changes = await drain()
const ms = performance.now() - began
const { user, system } = process.cpuUsage(cpu)
const { bytes, index } = await log.stats()
const figures = {
  ...{ changes, ms, userMs: user / 1000, systemMs: system / 1000, rssAnonMiB: memory.end() },
  logBytes: bytes! - before,
  incompleteKeys: [...index!.incomplete.values()].reduce((sum, keys) => sum + keys, 0),
}
process.stdout.write(`${JSON.stringify(figures)}\n`)

/** The table's rows, durable and indexed when it resolves. */
async function load(): Promise<void> {
  const { rows } = await sql.use(
    client =>
      client.query<(string | null)[]>({ text: `select * from ${name} order by id`, rowMode: 'array', types: TEXT }),
    signal,
  )
  const writer = new BatchWriter()
  writer.announce(table)
  writer.beginLoad('0/1', 0n)
  for (const cells of rows) {
    const bytes = encodeCells(cells)
    writer.row('r', table, { bytes, at: 0, end: bytes.length })
  }
  writer.commit()
  const progress = { done: true, rows: rows.length, totalRows: rows.length, state: '' }
  await log.append(writer.take({ lane: `load:${table.name}`, progress }), signal)
  await log.newest!(table, keyFromTexts(['0']))
}

/** Durable and indexed when it resolves, with the changes. */
async function drain(): Promise<number> {
  let changes = 0
  for await (const batch of stream.batches(signal)) {
    changes += batch.count
    const appended = await append(batch)
    if (appended?.position === undefined) continue
    stream.ack(parseLsn(appended.position))
    if (parseLsn(appended.position) >= parseLsn(end as Position)) break
  }
  // A look-up comes after everything that is durable.
  await log.newest!(table, keyFromTexts(['0']))
  return changes
}

async function append(batch: Batch): ReturnType<SourceLog['append']> {
  const parts = completer?.parts(batch, signal)
  if (parts === undefined) return log.append(batch, signal)
  let appended: Awaited<ReturnType<SourceLog['append']>>
  for await (const part of parts) appended = await log.append(part, signal)
  return appended
}
