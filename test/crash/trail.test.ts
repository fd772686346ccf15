/** The trail through a log sees what a log must not do; each fault is put into a real one. */
import { expect, it } from '@jest/globals'
import type { Batch, LogBatch, Position, SourceLog } from '../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { column, table, tuple } from '../support/records.ts'
import { keyTexts } from './tables.ts'
import { Trail } from './trail.ts'

const BY_TEXT = table('by_text', { columns: [column('k'), column('ver', 'int64')] })

const row = (key: number, ver: number) => tuple(keyTexts('by_text', key)[0], String(ver))

/** The trail behind units of a log, read in one go or after each. */
async function follow(units: readonly Batch[], afterEach = false): Promise<Trail> {
  const log = new OrderedMemoryLog()
  const trail = new Trail()
  for (const unit of units) {
    await log.append(unit)
    if (afterEach) await trail.advance(log)
  }
  await trail.advance(log)
  return trail
}

/** One transaction; `rows` are versions of key 1. */
function unit(writer: BatchWriter, xid: string, rows: readonly number[]): Batch {
  writer.begin(xid, `0/${xid}`, 1n)
  for (const ver of rows) writer.row('u', BY_TEXT, row(1, ver))
  writer.commit()
  return writer.take({ lane: 'stream', position: `0/${xid}` as Position })
}

it('finds nothing in a sound log, however often it is read', async () => {
  const writer = new BatchWriter([BY_TEXT])
  const trail = await follow([unit(writer, '10', [1, 2]), unit(writer, '11', [3])], true)
  expect(trail).toMatchObject({ falls: [], torn: [], unlike: [], duplicates: 0, records: 3 })
  expect([...trail.transactions.keys()]).toEqual(['10', '11'])
})

it('sees a version that falls', async () => {
  const writer = new BatchWriter([BY_TEXT])
  const trail = await follow([unit(writer, '10', [2]), unit(writer, '11', [1])])
  expect(trail.falls).toEqual(['by_text/1 fell from version 2 to 1'])
})

it('sees a transaction that goes on behind a durable mark', async () => {
  const log = new OrderedMemoryLog()
  await log.append(unit(new BatchWriter([BY_TEXT]), '10', [1, 2]))
  const trail = new Trail()
  const halves = (await batches(log)).flatMap(batch => batch.split(1))
  for (const half of halves) await trail.advance(upTo(log, half))
  expect(trail.torn).toContain('transaction 10 went on behind a durable mark')
})

async function batches(log: OrderedMemoryLog): Promise<LogBatch[]> {
  const all: LogBatch[] = []
  for await (const batch of log.read('start', () => true, new AbortController().signal)) {
    all.push(batch)
    if (batch.cursor === log.end()) break
  }
  return all
}

/** A log whose mark stands behind this batch, which is all that it hands out. */
function upTo(log: OrderedMemoryLog, batch: LogBatch): Pick<SourceLog, 'end' | 'compare' | 'read'> {
  return {
    end: () => batch.cursor,
    compare: (a, b) => log.compare(a, b),
    async *read() {
      yield batch
    },
  }
}

it('counts a transaction that comes twice, and tells one that comes back different', async () => {
  const again = await follow([unit(new BatchWriter([BY_TEXT]), '10', [1]), unit(new BatchWriter([BY_TEXT]), '10', [1])])
  expect(again).toMatchObject({ duplicates: 1, unlike: [] })
  const changed = await follow([
    unit(new BatchWriter([BY_TEXT]), '10', [1]),
    unit(new BatchWriter([BY_TEXT]), '10', [2]),
  ])
  expect(changed.duplicates).toBe(1)
  expect(changed.unlike).not.toEqual([])
})
