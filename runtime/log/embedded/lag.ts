import type { LogLag, LogSlice, TableFilter } from '../../contract.ts'
import { changes } from '../../record/batch.ts'
import { asBuffer } from '../../record/cells.ts'
import { At, CHANGE_KINDS, EntryKind, Flag } from '../../record/layout.ts'
import { entries, sliceAfter } from '../../record/slice.ts'
import type { Head } from './head.ts'
import type { LogChunk } from './ring.ts'
import type { ChunkOutline, SegmentReader } from './segment-reader.ts'

/** Chunks looked at for the oldest commit behind the head. */
const LOOK_AHEAD = 4

/** Changes by table in a chunk of the ring, counted once. */
const counted = new WeakMap<LogChunk, ReadonlyMap<number, number>>()

/** What lies behind the offset, which must be durable or 0. Exact at the head; one chunk is read where it is not. */
export async function lagBehind(
  head: Head,
  segments: SegmentReader,
  after: number,
  filter: TableFilter,
): Promise<LogLag> {
  if (after >= head.end) return { records: 0, bytes: 0 }
  const lag = head.ring.find(after + 1) === undefined ? storedLag : recentLag
  return lag(head, segments, after, filter)
}

async function recentLag(head: Head, _: SegmentReader, after: number, filter: TableFilter): Promise<LogLag> {
  let records = 0
  let bytes = 0
  let oldest: bigint | undefined
  for (const chunk of head.ring) {
    if (chunk.last <= after) continue
    const isFirst = chunk.slice.base <= after
    const slice = isFirst ? sliceAfter(chunk.slice, after)! : chunk.slice
    const count = isFirst ? sum(countByTable(slice), head, filter) : wantedIn(chunk, head, filter)
    records += count
    bytes += slice.to - slice.from
    if (count > 0) oldest ??= firstCommitTime([slice], head, filter)
  }
  return oldest === undefined ? { records, bytes } : { records, bytes, oldestCommitTime: oldest }
}

/** Records are known only where every table is wanted. */
async function storedLag(head: Head, segments: SegmentReader, after: number, filter: TableFilter): Promise<LogLag> {
  let chunk = await segments.outline(after + 1)
  const index = head.segmentOf(chunk.base)
  const rest = await behind(chunk, after, head, filter)
  let bytes = rest.bytes + head.segments[index]!.bytes - chunk.end
  let records = rest.records + head.segments[index]!.records - chunk.recordsBefore - chunk.changes
  for (const later of head.segments.slice(index + 1)) {
    bytes += later.bytes
    records += later.records
  }
  const isWhole = [...head.state.tables.values()].every(filter)
  let { oldest } = rest
  for (let i = 0; i < LOOK_AHEAD && oldest === undefined && chunk.last < head.end; i++) {
    chunk = await segments.outline(chunk.last + 1)
    oldest = (await behind(chunk, after, head, filter)).oldest
  }
  const lag = { records: isWhole ? records : null, bytes }
  return oldest === undefined ? lag : { ...lag, oldestCommitTime: oldest }
}

/** Changes of a stored chunk behind the offset, and when the first of them that is wanted was committed. */
async function behind(
  chunk: ChunkOutline,
  after: number,
  head: Head,
  filter: TableFilter,
): Promise<{ readonly records: number; readonly bytes: number; readonly oldest: bigint | undefined }> {
  let records = 0
  let bytes = 0
  let oldest: bigint | undefined
  let commitTime = 0n
  await chunk.walk(entry => {
    if (entry.kind === EntryKind.transaction) commitTime = entry.commitTime
    if (chunk.base + entry.delta <= after) return
    bytes += entry.length
    if (!CHANGE_KINDS.has(entry.kind)) return
    records++
    // Schema changes outside a transaction have no time.
    if (oldest !== undefined || commitTime === 0n || (entry.flags & Flag.outside) !== 0) return
    if (filter(head.state.tables.get(entry.table)!)) oldest = commitTime
  })
  return { records, bytes, oldest }
}

function wantedIn(chunk: LogChunk, head: Head, filter: TableFilter): number {
  const wanted = [...chunk.tables!].map(id => filter(head.state.tables.get(id)!))
  if (wanted.every(Boolean)) return chunk.changes
  if (!wanted.some(Boolean)) return 0
  let counts = counted.get(chunk)
  if (counts === undefined) {
    counts = countByTable(chunk.slice)
    counted.set(chunk, counts)
  }
  return sum(counts, head, filter)
}

function countByTable(slice: LogSlice): Map<number, number> {
  const counts = new Map<number, number>()
  const bytes = asBuffer(slice.bytes)
  for (const { at, kind } of entries(slice)) {
    if (!CHANGE_KINDS.has(kind)) continue
    const table = bytes.readUInt32LE(at + At.table)
    counts.set(table, (counts.get(table) ?? 0) + 1)
  }
  return counts
}

function sum(counts: ReadonlyMap<number, number>, head: Head, filter: TableFilter): number {
  let total = 0
  for (const [id, count] of counts) if (filter(head.state.tables.get(id)!)) total += count
  return total
}

/** Schema changes outside a transaction have no time. */
function firstCommitTime(slices: readonly LogSlice[], head: Head, filter: TableFilter): bigint | undefined {
  const cursorAt = (offset: number) => head.cursors.at(offset)
  for (const { commitTime } of changes(slices, head.state.tables, filter, cursorAt))
    if (commitTime > 0n) return commitTime
  return undefined
}
