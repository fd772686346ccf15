import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Cursor, Pass, Position } from '../../../runtime/contract.ts'
import { changes } from '../../../runtime/record/batch.ts'
import { keyText, keyTexts } from '../../../runtime/record/key.ts'
import { At, CellTag, EntryKind, Flag, HEADER, LONG } from '../../../runtime/record/layout.ts'
import { decodeTable, decodeUnitEnd, encodeTable, encodeUnitEnd } from '../../../runtime/record/schema.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { table, tuple } from '../../support/records.ts'
import { play, QUESTIONS, type Step, script, TABLES } from './script.ts'

const registry = new Map(TABLES.map(of => [of.id, of]))
const MALFORMED = 'RECORD_MALFORMED'

/** What reading the bytes gives, change by change, up to the first error. Anything but RECORD_MALFORMED is thrown. */
function read(bytes: Buffer, from: number, to: number): unknown[] {
  const found: unknown[] = []
  const slice = { bytes, from, to, transactionAt: -1, base: 0, appendTime: 0n }
  try {
    for (const view of changes([slice], registry, undefined, () => '' as Cursor)) {
      for (const question of QUESTIONS) {
        try {
          found.push(question(view))
        } catch (error) {
          found.push(codeOf(error))
        }
      }
      if (found.length > (QUESTIONS.length * (to - from)) / HEADER) throw new Error('more changes than fit the bytes')
    }
  } catch (error) {
    found.push(codeOf(error))
  }
  return found
}

function codeOf(error: unknown): string {
  if ((error as { code?: string }).code === MALFORMED) return MALFORMED
  throw error
}

/** The same bytes in the middle of two different neighbourhoods must read the same. */
function readBothWays(bytes: Uint8Array): unknown[] {
  const [zeros, ones] = [0, 0xff].map(fill => {
    const around = Buffer.alloc(bytes.length + 64, fill)
    around.set(bytes, 32)
    return read(around, 32, 32 + bytes.length)
  })
  expect(isDeepStrictEqual(ones, zeros)).toBe(true)
  return zeros!
}

/** One short batch for each way to write a row: what is wrong in it is near its end. */
const samples: readonly Buffer[] = TABLES.filter(({ columns }) => columns.length < 10).flatMap(of => {
  const row = of.columns.map((_, i) => `value ${i}`)
  const steps: Step[] = [
    { what: 'row', kind: 'c', table: of, row },
    { what: 'full', table: of, row, before: row },
    { what: 'schema', table: of },
  ]
  if (of.key.length > 0)
    steps.push(
      { what: 'delete', table: of, row, full: true },
      { what: 'delete', table: of, row, full: false },
      { what: 'moved', table: of, row, old: row },
    )
  return steps.flatMap(step => {
    const act = { what: 'transaction', load: false, time: 5n, steps: [step, { what: 'part' }] } as const
    return [LONG, 0].map(longFrom => play([act], longFrom).copies[0]!)
  })
})
const sample = fc.constantFrom(...samples)

describe('bytes that are not what they should be', () => {
  it('are a value or RECORD_MALFORMED when bits are flipped', () => {
    fc.assert(
      fc.property(sample, fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 3 }), (start, flips) => {
        const bytes = Buffer.from(start)
        for (const [at, bit] of flips) bytes[at % bytes.length]! ^= 1 << bit
        readBothWays(bytes)
      }),
      { numRuns: 2000 },
    )
  })

  it('are a value or RECORD_MALFORMED wherever they are cut', () => {
    for (const start of samples)
      for (let length = 0; length < start.length; length++) readBothWays(start.subarray(0, length))
  })

  it('are a value or RECORD_MALFORMED where lengths are extreme', () => {
    const extremes = [0, 1, 24, 100, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]
    for (const start of samples.filter((_, i) => i % 2 === 0))
      for (const value of extremes)
        for (let at = 0; at + 4 <= start.length; at++) {
          const bytes = Buffer.from(start)
          if (at % 2 === 0) bytes.writeUInt32LE(value, at)
          else bytes.writeUInt32BE(value, at)
          readBothWays(bytes)
        }
  })

  it('are a value or RECORD_MALFORMED when they are another batch put together from pieces', () => {
    fc.assert(
      fc.property(script, fc.array(fc.tuple(fc.nat(), fc.nat(300)), { maxLength: 4 }), (acts, cuts) => {
        const all = Buffer.concat(play(acts, LONG).batches.map(({ bytes }) => bytes))
        const pieces = cuts.map(([at, length]) => all.subarray(at % (all.length + 1)).subarray(0, length))
        readBothWays(Buffer.concat(pieces))
      }),
      { numRuns: 60 },
    )
  })

  it('are a value or RECORD_MALFORMED when they are anything at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        readBothWays(bytes)
        for (const decode of [keyTexts, keyText, decodeTable, decodeUnitEnd]) {
          try {
            decode(bytes)
          } catch (error) {
            expect(codeOf(error)).toBe(MALFORMED)
          }
        }
      }),
    )
  })

  it('stop the reader at an unknown kind, flag and cell tag', () => {
    const orders = table('orders')
    const writer = new BatchWriter([orders])
    writer.begin('1', '1', 0n)
    writer.row('c', orders, tuple('1', 'a'))
    const { bytes } = writer.takePart()
    const row = Buffer.from(bytes).indexOf(EntryKind.create, HEADER) - At.kind
    expect(Buffer.from(bytes).readUInt32LE(row + At.index)).toBe(0)
    const broken = (at: number, value: number): unknown[] => {
      const copy = Buffer.from(bytes)
      copy[at] = value
      return read(copy, 0, copy.length)
    }
    expect(broken(row + At.kind, 0x7a)).toEqual([MALFORMED])
    expect(broken(row + At.flags, Flag.complete | 0x80)).toEqual([MALFORMED])
    for (const tag of [CellTag.ref, 0, 0xff]) expect(broken(row + HEADER, tag)).toContain(MALFORMED)
    expect(broken(row + At.kind, EntryKind.create)).not.toContain(MALFORMED)
  })

  it('stop the reader at a table that was never announced', () => {
    const unknown = table('unknown', { id: 99 })
    const writer = new BatchWriter([unknown])
    writer.begin('1', '1', 0n)
    writer.row('c', unknown, tuple('1', 'a'))
    const { bytes } = writer.takePart()
    expect(read(Buffer.from(bytes), 0, bytes.length)).toEqual([MALFORMED])
  })

  it('are refused as definitions that miss a part, and hold no more than a definition has', () => {
    const whole = JSON.parse(encodeTable(table('orders')).toString()) as Record<string, unknown>
    for (const member of Object.keys(whole)) {
      const { [member]: _, ...rest } = whole
      expect(() => decodeTable(Buffer.from(JSON.stringify(rest)))).toThrow(/cannot be read/)
    }
    expect(() => decodeTable(Buffer.from(JSON.stringify({ ...whole, key: [2] })))).toThrow(/cannot be read/)
    expect(decodeTable(Buffer.from(JSON.stringify({ ...whole, later: 1 })))).toEqual(table('orders'))
    const deep = `${'{"kind":"array","element":'.repeat(20_000)}{"kind":"text"}${'}'.repeat(20_000)}`
    const endless = JSON.stringify(whole).replace('{"kind":"text"}', deep)
    expect(() => decodeTable(Buffer.from(endless))).toThrow(/cannot be read/)
    const end = {
      lane: 'load:app.public.orders',
      progress: { done: true, rows: 1, totalRows: null, state: '' },
    } as const
    expect(decodeUnitEnd(encodeUnitEnd(end))).toEqual(end)
    const fence = { data: '1:1:', high: '0/1' as Position }
    const pass: Pass = { id: 'a', since: '7', fence, isRead: true, isUnlimited: true }
    const swept = { ...end, progress: { ...end.progress, pass } }
    expect(decodeUnitEnd(encodeUnitEnd(swept))).toEqual(swept)
    expect(() => decodeUnitEnd(Buffer.from('{"lane":"load:x"}'))).toThrow(/cannot be read/)
  })
})
