import type { Batch, Table, UnitEnd } from '../contract.ts'
import { sourceBatch } from './batch.ts'
import { asBuffer } from './cells.ts'
import { EntryBuffer } from './entry-buffer.ts'
import { laneEnds } from './lane-ends.ts'
import { EntryKind, LONG } from './layout.ts'
import { encodeUnitEnd } from './schema.ts'
import { entries, wholeSlice } from './slice.ts'

/** One unit of the entries of several, each a whole unit of a load's lane. Every table is in one of them at most. */
export function joinedUnit(units: readonly Batch[]): Batch {
  const buffer = new EntryBuffer(LONG)
  const tables = new Set<number>()
  const registry = new Map<number, Table>()
  let [count, incomplete] = [0, 0]
  for (const unit of units) {
    const bytes = asBuffer(unit.bytes)
    const changes = { ...wholeSlice(bytes, 0, 0n), to: unit.endAt }
    for (const { at, end } of entries(changes)) buffer.copy(bytes, at, end)
    for (const id of unit.tables) {
      tables.add(id)
      registry.set(id, unit.registry.get(id)!)
    }
    count += unit.count
    incomplete += unit.incomplete
  }
  const end = joinedEnd(units.map(unit => unit.end!))
  const endAt = buffer.at
  const body = encodeUnitEnd(end)
  const kind = buffer.entries === 0 ? EntryKind.heartbeat : EntryKind.unitEnd
  const at = buffer.entry(kind, 0, 0, 0, 8 + body.length, 0, 0)
  buffer.bytes.fill(0, at, at + 8)
  buffer.bytes.set(body, at + 8)
  const { entries: entryCount } = buffer
  return sourceBatch(buffer.handOver(), entryCount, count, incomplete, tables, registry, end, endAt)
}

function joinedEnd(ends: readonly UnitEnd[]): UnitEnd {
  const [first, ...others] = ends.flatMap(laneEnds)
  const identity = ends.find(end => end.identity !== undefined)?.identity
  return { ...first!, others, ...(identity === undefined ? {} : { identity }) }
}
