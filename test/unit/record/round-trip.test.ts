import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Batch } from '../../../runtime/contract.ts'
import { At, EntryKind, Flag, HEADER, LONG } from '../../../runtime/record/layout.ts'
import { decodeTable, decodeUnitEnd } from '../../../runtime/record/schema.ts'
import { entries, wholeSlice } from '../../../runtime/record/slice.ts'
import { look, play, type Seen, script, TABLES } from './script.ts'

const longFrom = fc.constantFrom(LONG, 0, 60)

describe('a batch', () => {
  it('reads back as it was written, however transactions were cut into batches', () => {
    fc.assert(
      fc.property(script, longFrom, (acts, from) => {
        const { batches, expected } = play(acts, from)
        const found: Seen[] = []
        for (const batch of batches) for (const view of batch) found.push(look(view))
        expect(found).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('never changes once it was taken', () => {
    fc.assert(
      fc.property(script, acts => {
        const { batches, copies } = play(acts, LONG)
        batches.forEach((batch, i) => {
          expect(copies[i]!.equals(batch.bytes)).toBe(true)
          for (const other of batches.slice(0, i)) expect(overlap(batch.bytes, other.bytes)).toBe(false)
        })
      }),
      { numRuns: 100 },
    )
  })

  it('counts its entries from 0 and says what it holds', () => {
    fc.assert(
      fc.property(script, longFrom, (acts, from) => {
        for (const batch of play(acts, from).batches) checkCounts(batch)
      }),
      { numRuns: 200 },
    )
  })

  it('begins with the header of its transaction again exactly where the batch before was cut inside one', () => {
    fc.assert(
      fc.property(script, longFrom, (acts, from) => {
        const { batches, cut } = play(acts, from)
        batches.forEach((batch, i) => {
          const continued = kinds(batch).map(({ kind, flags }) =>
            kind === EntryKind.transaction ? (flags & Flag.continued) !== 0 : false,
          )
          const expected = batches[i - 1] !== undefined && cut.has(batches[i - 1]!)
          expect(continued.indexOf(true)).toBe(expected ? 0 : -1)
        })
      }),
      { numRuns: 200 },
    )
  })

  it('ends a unit that was begun, and is a heartbeat only without one', () => {
    fc.assert(
      fc.property(script, acts => {
        let open = false
        for (const batch of play(acts, LONG).batches) {
          const isEmpty = batch.entries === 1 && !open
          const last = kinds(batch).at(-1)?.kind
          if (batch.end !== undefined) expect(last).toBe(isEmpty ? EntryKind.heartbeat : EntryKind.unitEnd)
          open = batch.end === undefined
        }
      }),
      { numRuns: 100 },
    )
  })
})

function overlap(a: Uint8Array, b: Uint8Array): boolean {
  if (a.buffer !== b.buffer) return false
  return a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length
}

function kinds(batch: Batch): { kind: number; flags: number; table: number; at: number; end: number; delta: number }[] {
  const bytes = Buffer.from(batch.bytes)
  return [...entriesOf(batch)].map(({ kind, at, end }) => ({
    kind,
    at,
    end,
    flags: bytes[at + At.flags]!,
    table: bytes.readUInt32LE(at + At.table),
    delta: bytes.readUInt32LE(at + At.delta),
  }))
}

function* entriesOf(batch: Batch): Generator<{ kind: number; at: number; end: number }> {
  for (const entry of entries(wholeSlice(batch.bytes, 0, 0n))) yield { ...entry }
}

function checkCounts(batch: Batch): void {
  const all = kinds(batch)
  expect(all.map(({ delta }) => delta)).toEqual(all.map((_, i) => i))
  expect(all.length).toBe(batch.entries)
  expect([...batch].length).toBe(batch.count)
  expect(new Set(all.map(({ table }) => table).filter(id => id !== 0))).toEqual(batch.tables)
  const ends = all.filter(({ kind }) => kind === EntryKind.unitEnd || kind === EntryKind.heartbeat)
  if (batch.end === undefined) expect([ends.length, batch.endAt]).toEqual([0, -1])
  else {
    expect(ends.map(({ at }) => at)).toEqual([batch.endAt])
    const { at, end } = ends[0]!
    const bytes = Buffer.from(batch.bytes)
    const long = bytes.readUInt32LE(at) === LONG ? 8 : 0
    expect(decodeUnitEnd(bytes.subarray(at + HEADER + long + 8, end))).toEqual(batch.end)
    expect(end).toBe(bytes.length)
  }
  for (const { kind, at, end } of all) {
    if (kind !== EntryKind.schema) continue
    const bytes = Buffer.from(batch.bytes)
    const long = bytes.readUInt32LE(at) === LONG ? 8 : 0
    const table = decodeTable(bytes.subarray(at + HEADER + long, end))
    expect(TABLES).toContainEqual(table)
    expect(Object.isFrozen(table.columns)).toBe(true)
  }
}
