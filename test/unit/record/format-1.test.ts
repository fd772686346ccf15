import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import type { Cursor, Table } from '../../../runtime/contract.ts'
import { changes } from '../../../runtime/record/batch.ts'
import { At, EntryKind, HEADER, LONG } from '../../../runtime/record/layout.ts'
import { decodeTable, decodeUnitEnd } from '../../../runtime/record/schema.ts'
import { entries, wholeSlice } from '../../../runtime/record/slice.ts'
import { writeFormat1 } from './format-1.ts'
import { look } from './script.ts'

const folder = new URL('../../fixtures/format-1/', import.meta.url)
const bytes = readFileSync(new URL('batches.bin', folder))
const expected = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as {
  lengths: number[]
  batches: unknown[]
}

/** The batch in plain JSON, read with nothing but its bytes and those before it. */
function tell(batch: Buffer, registry: Map<number, Table>): unknown {
  const found: unknown[] = []
  const slice = wholeSlice(batch, 1000, 0n)
  for (const { at, end, kind } of entries(slice)) {
    const body = batch.subarray(at + HEADER + (batch.readUInt32LE(at + At.length) === LONG ? 8 : 0), end)
    if (kind === EntryKind.unitEnd || kind === EntryKind.heartbeat) found.push({ end: decodeUnitEnd(body.subarray(8)) })
    if (kind !== EntryKind.schema) continue
    const table = decodeTable(body)
    registry.set(table.id, table)
    found.push({ definition: table })
  }
  const into = Buffer.alloc(4096)
  for (const view of changes([slice], registry, undefined, offset => String(offset) as Cursor)) {
    const json = into.toString('utf8', 0, view.toJson(into, 0))
    found.push({ ...look(view), version: view.version, cursor: view.cursor, json })
  }
  return JSON.parse(JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
}

describe('format 1', () => {
  it('reads for ever what was written once', () => {
    let from = 0
    // The same batches twice: with lengths of 32 bits and with lengths of 64 bits.
    for (let turn = 0; turn < 2; turn++) {
      const registry = new Map<number, Table>()
      const found = expected.batches.map((_, i) => {
        const length = expected.lengths[turn * expected.batches.length + i]!
        from += length
        return tell(bytes.subarray(from - length, from), registry)
      })
      expect(found).toEqual(expected.batches)
    }
    expect(from).toBe(bytes.length)
  })

  it('is still written byte for byte', () => {
    expect(Buffer.concat(writeFormat1().map(batch => batch.bytes)).equals(bytes)).toBe(true)
  })

  it('shows every kind of entry and every known flag in the stored log', () => {
    const kinds = new Set<number>()
    let flags = 0
    let from = 0
    for (const length of expected.lengths) {
      const batch = bytes.subarray(from, from + length)
      for (const { at, kind } of entries(wholeSlice(batch, 0, 0n))) {
        kinds.add(kind)
        flags |= batch[at + At.flags]!
      }
      from += length
    }
    expect([...kinds].sort()).toEqual(Object.values(EntryKind).sort())
    expect(flags).toBe(127)
  })
})
