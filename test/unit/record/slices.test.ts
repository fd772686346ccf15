import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Cursor, LogSlice } from '../../../runtime/contract.ts'
import { logBatch } from '../../../runtime/record/batch.ts'
import { Gather } from '../../../runtime/record/gather.ts'
import { At, EntryKind, HEADER, LONG } from '../../../runtime/record/layout.ts'
import { sliceAfter, wholeSlice } from '../../../runtime/record/slice.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { table, tuple } from '../../support/records.ts'
import { look, play, type Seen, script, TABLES } from './script.ts'

const tables = new Map(TABLES.map(of => [of.id, of]))
const cursorAt = (offset: number): Cursor => String(offset) as Cursor
const all = (): boolean => true

/** Each batch of the script as a chunk of a log; offsets from 1. */
function chunks(acts: Parameters<typeof play>[0]): { slices: LogSlice[]; expected: readonly Seen[]; end: number } {
  const { batches, expected } = play(acts, LONG)
  let base = 1
  const slices = batches.map(batch => {
    const slice = wholeSlice(batch.bytes, base, 7n)
    base += batch.entries
    return slice
  })
  return { slices, expected, end: base }
}

function seenIn(slices: readonly LogSlice[]): { seen: Seen[]; versions: bigint[] } {
  const batch = logBatch({
    slices,
    cursor: cursorAt(0),
    endsTransaction: true,
    gap: false,
    tables,
    filter: all,
    cursorAt,
  })
  const seen: Seen[] = []
  const versions: bigint[] = []
  for (const view of batch) {
    seen.push(look(view))
    versions.push(view.version)
    expect(view.appendTime).toBe(7n)
    expect(view.cursor).toBe(String(view.version))
  }
  expect(batch.count).toBe(seen.length)
  return { seen, versions }
}

const limits = fc.record({ maxRows: fc.integer({ min: 1, max: 6 }), maxBytes: fc.constantFrom(1, 200, 1e9) })

describe('slices of a log', () => {
  it('give every change once and in order, however they are gathered, and say truly where transactions end', () => {
    fc.assert(
      fc.property(script, limits, (acts, options) => {
        const { slices, expected } = chunks(acts)
        const waiting = [...slices]
        const parts: { seen: Seen[]; ends: boolean }[] = []
        while (waiting.length > 0) {
          const gather = new Gather(tables, all, options)
          let rest: LogSlice | undefined
          while (rest === undefined && waiting.length > 0) rest = gather.add(waiting.shift()!)
          if (rest !== undefined) waiting.unshift(rest)
          const { seen, versions } = seenIn(gather.slices)
          expect(seen.length).toBe(gather.count)
          if (versions.length > 0) expect(gather.lastOffset).toBeGreaterThanOrEqual(Number(versions.at(-1)))
          parts.push({ seen, ends: gather.endsTransaction })
        }
        expect(parts.flatMap(({ seen }) => seen)).toEqual(expected)
        const filled = parts.filter(({ seen }) => seen.length > 0)
        filled.forEach(({ seen, ends }, i) => {
          expect(seen.length).toBeLessThanOrEqual(options.maxRows)
          if (seen.some(({ kind }) => kind === 't')) expect(seen.filter(({ kind }) => kind !== 's')).toHaveLength(1)
          const next = filled[i + 1]?.seen[0]
          if (ends && next !== undefined && next.position !== '') expect(next.position).not.toBe(seen.at(-1)?.position)
        })
      }),
      { numRuns: 300 },
    )
  })

  it('go on behind any offset with the same changes and the same transactions', () => {
    fc.assert(
      fc.property(script, acts => {
        const { slices, end } = chunks(acts)
        const whole = seenIn(slices)
        for (let offset = 0; offset <= end; offset++) {
          const rest = slices.flatMap(slice => sliceAfter(slice, offset) ?? [])
          const from = whole.versions.findIndex(version => version > BigInt(offset))
          expect(seenIn(rest).seen).toEqual(from === -1 ? [] : whole.seen.slice(from))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('are read although a later version added to their transaction headers', () => {
    const orders = table('orders')
    const writer = new BatchWriter([orders])
    writer.begin('742', '0/16B3740', 5n)
    writer.row('c', orders, tuple('1', 'a'))
    const bytes = Buffer.from(writer.takePart().bytes)
    const headerEnd = bytes.readUInt32LE(At.length)
    expect(bytes[At.kind]).toBe(EntryKind.transaction)
    const longer = Buffer.concat([bytes.subarray(0, headerEnd), Buffer.from('later'), bytes.subarray(headerEnd)])
    longer.writeUInt32LE(headerEnd + 'later'.length, At.length)
    expect(longer.length).toBeGreaterThan(2 * HEADER)
    expect(seenIn([wholeSlice(longer, 1, 7n)])).toEqual(seenIn([wholeSlice(bytes, 1, 7n)]))
  })
})
