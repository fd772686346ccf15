import { join } from 'node:path'
import type { Table } from '../../../contract.ts'
import { crashPoint } from '../../../crash.ts'
import { holdsEntries } from '../chunk.ts'
import { segmentStart } from '../compaction/aged.ts'
import { BlockSegment, type SegmentMaker } from '../compaction/block-segment.ts'
import { CompactedWriter } from '../compaction/compacted-writer.ts'
import type { Rest } from '../compaction/rewrite.ts'
import { damaged, openExisting } from '../failures.ts'
import type { Fs } from '../fs.ts'
import { type FoundChunk, isFlaw, KeptMemory, openSegment, SegmentScan } from '../scan.ts'
import { isStripped, type SegmentInfo, segmentName } from '../segment.ts'
import { Erasure } from './erasure.ts'
import { type ForgottenRow, ForgottenRows } from './forgotten-rows.ts'
import { PackedWriter } from './packed-writer.ts'

/** Segments that are to be gone over for rows to be forgotten. */
export interface EraseJob {
  readonly folder: string
  readonly logId: string
  /** In the log's order. */
  readonly segments: readonly SegmentInfo[]
  /** Every version that the log knows. */
  readonly tables: readonly Pick<Table, 'id' | 'name'>[]
  readonly rows: readonly ForgottenRow[]
  /** Of the first file that is written; one more for each. */
  readonly generation: number
}

/** A segment that can take the place of one that held any of it. */
export interface Erased {
  readonly replaced: SegmentInfo
  readonly segment: SegmentInfo
  /** Changes that are gone, by the place of their row. */
  readonly removed: ReadonlyMap<number, number>
  /** Greatest offset of a delete among them; 0: none. */
  readonly expired: number
}

/**
 * Writes those segments anew that hold any of the rows, each durable with its name when it is handed out. Whoever ends
 * early leaves files that nobody knows. Throws LOG_DAMAGED, LOG_DISK_FULL, LOG_WRITE, LOG_FSYNC.
 */
export async function* erase(fs: Fs, job: EraseJob, rest: Rest): AsyncGenerator<Erased> {
  const rows = new ForgottenRows(job.rows, job.tables)
  using memory = new KeptMemory()
  let { generation } = job
  for (const segment of job.segments) {
    if (!(await isConcerned(fs, job, segment, rows, memory, rest))) continue
    const erasure = new Erasure(rows)
    const maker = await makerOf(fs, job, segment, generation++)
    let written: SegmentInfo | undefined
    try {
      for await (const { header, payload } of chunks(fs, job, segment, memory)) {
        await maker.begin(header)
        erasure.take({ payload, base: header.base }, maker)
        await rest()
      }
      written = await maker.finish()
    } finally {
      if (written === undefined) await maker.abandon()
    }
    crashPoint('forget.written')
    await fs.syncFolder(job.folder)
    const { removed, expired } = erasure
    yield { replaced: segment, segment: written, removed, expired }
  }
}

async function isConcerned(
  fs: Fs,
  job: EraseJob,
  segment: SegmentInfo,
  rows: ForgottenRows,
  memory: KeptMemory,
  rest: Rest,
): Promise<boolean> {
  const erasure = new Erasure(rows)
  for await (const chunk of chunks(fs, job, segment, memory)) {
    if (erasure.concerns(chunk)) return true
    await rest()
  }
  return false
}

/** Where history was removed it is compacted as before, and where it was not it stays, and as old as it was. */
async function makerOf(fs: Fs, job: EraseJob, segment: SegmentInfo, generation: number): Promise<SegmentMaker> {
  const { first } = segment
  const place = { fs, ...job }
  if (isStripped(segment)) return new CompactedWriter(await BlockSegment.create(place, { first, generation }))
  const { madeAt } = await segmentStart(fs, job.folder, segment)
  return new PackedWriter(await BlockSegment.create(place, { first, generation, keepsHistory: true, madeAt }))
}

/** Those that hold entries. Each is valid until the next. */
async function* chunks(
  fs: Fs,
  { folder, logId }: EraseJob,
  segment: SegmentInfo,
  memory: KeptMemory,
): AsyncGenerator<FoundChunk> {
  const { first, bytes } = segment
  const path = join(folder, segmentName(segment))
  await using file = await openExisting(fs, path)
  const place = await openSegment(file, first, logId)
  if (isFlaw(place)) throw damaged(path, place.at, place.flaw)
  const scan = new SegmentScan(file, place, bytes, memory.take)
  let next = first
  for (let found = await scan.next(); found !== undefined; found = await scan.next()) {
    if (isFlaw(found)) throw damaged(path, found.at, found.flaw)
    const { header, at } = found
    if (header.base !== next) throw damaged(path, at, `offset ${header.base} stands where ${next} was expected`)
    if (!holdsEntries(header.type)) continue
    next += header.entries
    yield found
    memory.giveBack(found.payload)
  }
}
