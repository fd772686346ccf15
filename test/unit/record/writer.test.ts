import { describe, expect, it } from '@jest/globals'
import type { Position } from '../../../runtime/contract.ts'
import { indexCells, keyFromTexts } from '../../../runtime/record/key.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { column, table, told, tuple } from '../../support/records.ts'

const orders = table('orders')
const end = { lane: 'stream', position: '1' as Position } as const

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'nothing thrown'
}

describe('BatchWriter', () => {
  it('refuses a row outside a transaction', () => {
    const writer = new BatchWriter([orders])
    expect(codeOf(() => writer.row('c', orders, tuple('1', 'a')))).toBe('RECORD_ORDER')
    expect(codeOf(() => writer.delete(orders, tuple('1', null), false))).toBe('RECORD_ORDER')
    expect(codeOf(() => writer.truncate(orders))).toBe('RECORD_ORDER')
    expect(writer.size).toBe(0)
  })

  it('refuses to end a unit inside a transaction of which a part was handed over', () => {
    const writer = new BatchWriter([orders])
    writer.begin('1', '1', 0n)
    writer.row('c', orders, tuple('1', 'a'))
    writer.takePart()
    writer.row('c', orders, tuple('2', 'b'))
    expect(writer.hasWhole).toBe(false)
    expect(codeOf(() => writer.take(end))).toBe('RECORD_ORDER')
    writer.commit()
    expect(told(writer.take(end))).toEqual(['c 2 b'])
  })

  it('refuses a transaction inside a transaction', () => {
    const writer = new BatchWriter()
    writer.begin('1', '1', 0n)
    expect(codeOf(() => writer.begin('2', '2', 0n))).toBe('RECORD_ORDER')
  })

  it('refuses a tuple that is not one of the table, before anything of it is written', () => {
    const writer = new BatchWriter([orders])
    writer.begin('1', '1', 0n)
    const { size } = writer
    for (const wrong of [tuple('1'), tuple('1', 'a', 'b'), tuple(null, 'a'), tuple(undefined, 'a')])
      expect(codeOf(() => writer.row('c', orders, wrong))).toBe('RECORD_MALFORMED')
    expect(codeOf(() => writer.row('u', orders, tuple('1', 'a'), tuple('1')))).toBe('RECORD_MALFORMED')
    expect(codeOf(() => writer.delete(orders, tuple(null, 'a'), true))).toBe('RECORD_MALFORMED')
    expect(writer.size).toBe(size)
  })

  it('writes a row whose cells were placed in its memory as one whose cells are copied there', () => {
    const [copied, placed] = [new BatchWriter([orders]), new BatchWriter([orders])]
    const [old, next] = [tuple('1', 'a'), tuple('1', 'another')]
    for (const writer of [copied, placed]) {
      writer.begin('1', '1', 0n)
      writer.row('c', orders, tuple('0', 'first'))
    }
    copied.row('c', orders, old)
    copied.row('u', orders, next, old)

    const starts = new Uint32Array(3)
    const at = placed.room(orders, 100)
    placed.bytes.set(old.bytes, at)
    indexCells(placed.bytes, at, at + old.end, 2, starts)
    placed.placed('c', orders, at, at + old.end, starts)
    const before = placed.room(orders, 100)
    placed.bytes.set(old.bytes, before + 8)
    const after = before + 8 + old.end
    placed.bytes.set(next.bytes, after)
    indexCells(placed.bytes, after, after + next.end, 2, starts)
    placed.placed('u', orders, before, after + next.end, starts)
    for (const writer of [copied, placed]) writer.commit()
    expect(placed.take(end).bytes).toEqual(copied.take(end).bytes)
  })

  it('has no place for a row that its memory has no room for', () => {
    const writer = new BatchWriter([orders])
    expect(() => writer.placed('c', orders, 24, 24, new Uint32Array(3))).toThrow()
    writer.begin('1', '1', 0n)
    expect(writer.room(orders, 1_000_000)).toBe(-1)
    expect(writer.room(orders, 500_000, true)).toBeGreaterThan(0)
    expect(writer.bytes.length).toBeGreaterThan(500_000)
    expect(writer.room(orders, 5_000_000)).toBe(-1)
    writer.row('c', orders, tuple('1', 'x'.repeat(1_000_000)))
    expect(writer.room(orders, 1000)).toBeGreaterThan(1_000_000)
  })

  it('writes the delete of a key as that of a row', () => {
    const lines = table('lines', { key: [1, 0] })
    const writer = new BatchWriter([lines])
    writer.begin('1', '1', 0n)
    writer.delete(lines, tuple('1', 'a'), false)
    writer.deleteKey(lines, keyFromTexts(['a', '1']))
    writer.commit()
    const deletes = Array.from(writer.take(end), ({ kind, key, moved, hasBefore }) => {
      return { kind, key: Buffer.from(key), moved, hasBefore }
    })
    expect(deletes).toHaveLength(2)
    expect(deletes[1]).toEqual(deletes[0])
  })

  it('refuses a delete in a table without a key', () => {
    const log = table('log', { key: [], appendOnly: true })
    const writer = new BatchWriter([log])
    writer.begin('1', '1', 0n)
    expect(codeOf(() => writer.delete(log, tuple('1', 'a'), true))).toBe('RECORD_ORDER')
  })

  it('keeps what was begun and not committed for the next batch', () => {
    const writer = new BatchWriter([orders])
    writer.begin('1', '1', 0n)
    writer.row('c', orders, tuple('1', 'a'))
    writer.commit()
    writer.begin('2', '2', 0n)
    writer.row('c', orders, tuple('2', 'b'))
    expect(told(writer.take(end))).toEqual(['c 1 a'])
    writer.row('c', orders, tuple('3', 'c'))
    writer.commit()
    const batch = writer.take(end)
    expect(told(batch)).toEqual(['c 2 b', 'c 3 c'])
    expect(Array.from(batch, ({ transaction }) => transaction)).toEqual(['2', '2'])
  })

  it('takes the key from its place in the row, or beside it where it stands too far behind', () => {
    const wide = table('wide', { columns: [column('body'), column('id')], key: [1] })
    for (const length of [0, 0xffff - 5, 0xffff - 4, 200_000]) {
      const writer = new BatchWriter([wide])
      writer.begin('1', '1', 0n)
      writer.row('c', wide, tuple('x'.repeat(length), '7'))
      writer.commit()
      const [view] = [...writer.take(end)]
      expect(Buffer.from(view!.key)).toEqual(keyFromTexts(['7']))
      expect(view!.text(0)).toHaveLength(length)
    }
  })

  it('does not keep the memory that one huge row took', () => {
    const writer = new BatchWriter([orders])
    writer.begin('1', '1', 0n)
    writer.row('c', orders, tuple('1', 'x'.repeat(32 * 1024 * 1024)))
    writer.commit()
    writer.take(end)
    const capacities: number[] = []
    for (let i = 0; i < 8; i++) {
      writer.begin('1', '1', 0n)
      for (let row = 0; row < 100; row++) writer.row('c', orders, tuple('1', 'x'.repeat(100)))
      writer.commit()
      capacities.push(writer.take(end).bytes.buffer.byteLength)
    }
    expect(Math.max(...capacities)).toBeLessThan(64 * 1024)
  })
})
