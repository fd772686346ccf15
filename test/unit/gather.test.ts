import { describe, expect, it } from '@jest/globals'
import type { Cursor, LogBatch } from '../../runtime/contract.ts'
import { logBatch } from '../../runtime/record/batch.ts'
import { Gather } from '../../runtime/record/gather.ts'
import { wholeSlice } from '../../runtime/record/slice.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { table, told, transaction, tuple } from '../support/records.ts'

const orders = table('orders')
const other = table('other', { id: 2 })

/** Transactions of the sizes given, in one slice. */
function written(sizes: readonly number[], before?: (writer: BatchWriter) => void): LogBatch {
  const writer = new BatchWriter([orders, other])
  let id = 0
  let batch = transaction(writer, '0/1', w => before?.(w))
  const slices = [wholeSlice(batch.bytes, 1, 0n)]
  let next = 1 + batch.entries
  for (const size of sizes) {
    batch = transaction(writer, `0/${next}`, w => {
      for (let i = 0; i < size; i++) w.row('c', orders, tuple(String(++id), `b${id}`))
    })
    slices.push(wholeSlice(batch.bytes, next, 0n))
    next += batch.entries
  }
  const cursorAt = (offset: number): Cursor => String(offset) as Cursor
  const cursor = cursorAt(next - 1)
  return logBatch({
    slices,
    cursor,
    endsTransaction: true,
    gap: false,
    tables: writer.registry,
    filter: () => true,
    cursorAt,
  })
}

describe('batches for sinks', () => {
  it('end at the last transaction end that fits', () => {
    const parts = written([3, 3, 3]).split(7)
    expect(parts.map(part => [part.count, part.endsTransaction])).toEqual([
      [6, true],
      [3, true],
    ])
  })

  it('cut a transaction that does not fit, and say so', () => {
    const parts = written([2, 10]).split(4)
    expect(parts.map(part => [part.count, part.endsTransaction])).toEqual([
      [2, true],
      [4, false],
      [4, false],
      [2, true],
    ])
    expect(parts.flatMap(part => told(part))).toEqual(told(written([2, 10])))
  })

  it('keep the transaction of every change, also behind a cut', () => {
    const whole = [...written([2, 10])].map(change => change.transaction)
    const cut: unknown[] = []
    for (const part of written([2, 10]).split(3)) for (const change of part) cut.push(change.transaction)
    expect(cut.length).toBe(whole.length)
    expect(new Set(cut).size).toBe(2)
  })

  it('hold a truncate alone', () => {
    const batch = written([2], writer => {
      writer.row('c', orders, tuple('90', 'x'))
      writer.truncate(orders)
      writer.truncate(other)
      writer.row('c', orders, tuple('91', 'y'))
    })
    const parts = batch.split(100)
    expect(parts.map(part => told(part))).toEqual([
      ['c 90 x'],
      ['t orders'],
      ['t other'],
      ['c 91 y', 'c 1 b1', 'c 2 b2'],
    ])
  })

  it('move their cursors only forward, to the last change they hold', () => {
    const parts = written([5, 5, 5]).split(2)
    const cursors = parts.map(part => Number(part.cursor))
    expect([...cursors].sort((a, b) => a - b)).toEqual(cursors)
    for (const part of parts) {
      let last = 0
      for (const change of part) last = Number(change.cursor)
      expect(last).toBeLessThanOrEqual(Number(part.cursor))
    }
  })

  it('stay within the bytes asked for', () => {
    const batch = written([50])
    const gather = new Gather(batch.tables, () => true, { maxBytes: 500 })
    for (const slice of batch.slices) if (gather.add(slice) !== undefined) break
    expect(gather.bytes).toBeLessThanOrEqual(500)
    expect(gather.count).toBeGreaterThan(3)
  })
})
