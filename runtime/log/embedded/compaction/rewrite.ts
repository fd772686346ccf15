import { join } from 'node:path'
import type { Table } from '../../../contract.ts'
import { crashPoint } from '../../../crash.ts'
import { checkpointOf, restore } from '../checkpoint.ts'
import { type ChunkHeader, ChunkType } from '../chunk.ts'
import { Cursors } from '../cursors.ts'
import { damaged, openExisting } from '../failures.ts'
import type { Fs } from '../fs.ts'
import { Head } from '../head.ts'
import type { Session } from '../manifest.ts'
import { type FoundChunk, isFlaw, KeptMemory, openSegment, SegmentScan } from '../scan.ts'
import { type SegmentInfo, segmentName } from '../segment.ts'
import { UnitWalk } from '../unit-walk.ts'
import type { Base } from './base.ts'
import { BlockSegment } from './block-segment.ts'
import { CompactedWriter } from './compacted-writer.ts'
import type { Replacement } from './in-place.ts'
import type { Liveness } from './live-offsets.ts'
import { Survivors } from './survivors.ts'

/** A run of the oldest segments to be compacted. */
export interface RewriteJob {
  readonly folder: string
  readonly logId: string
  readonly sessions: readonly Session[]
  /** In the log's order, without gaps; those that the base holds come first. */
  readonly inputs: readonly SegmentInfo[]
  /** How the log stands behind those; undefined: at its beginning. */
  readonly base: Base | undefined
  readonly liveness: Liveness
  /** Everybody who needs them has read the deletes and events up to this offset. */
  readonly readTo: number
  /** Deletes, and events, that were appended up to then may go; microseconds since 1970. */
  readonly deletesTo: bigint
  readonly eventsTo: bigint
  /** Once a file is this large it ends with a segment that went into it. */
  readonly fileBytes: number
  /** Of the first file that is written; one more for each. */
  readonly generation: number
}

export interface Rewritten extends Replacement {
  /** Greatest offset of a delete or an event that is gone; 0: none. */
  readonly expired: number
  /** Segments that went into it, and their bytes. */
  readonly segments: number
  readonly bytesBefore: number
  readonly scanned: number
  readonly kept: number
}

/** Called between chunks: rests, so that others get their turn, and throws when the work is to end. */
export type Rest = () => Promise<void>

/**
 * Writes compacted segments, each durable with its name when it is handed out. Whoever ends early leaves files that
 * nobody knows. Throws LOG_DAMAGED, LOG_DISK_FULL, LOG_WRITE, LOG_FSYNC.
 */
export async function* rewrite(fs: Fs, job: RewriteJob, rest: Rest): AsyncGenerator<Rewritten> {
  const head = new Head(new Cursors(job.logId, job.sessions), 0)
  if (job.base !== undefined) restore(head, { ...job.base, segments: [] })
  const rewriting = new Rewriting(job, head)
  using memory = new KeptMemory()
  let { generation } = job
  let writer: CompactedWriter | undefined
  let tally = newTally()
  try {
    for (const [i, input] of job.inputs.entries()) {
      const { first } = input
      writer ??= new CompactedWriter(await BlockSegment.create({ fs, ...job }, { first, generation: generation++ }))
      const path = join(job.folder, segmentName(input))
      await using file = await openExisting(fs, path)
      const place = await openSegment(file, first, job.logId)
      if (isFlaw(place)) throw damaged(path, place.at, place.flaw)
      const scan = new SegmentScan(file, place, input.bytes, memory.take)
      rewriting.enter(input)
      for (let found = await scan.next(); found !== undefined; found = await scan.next()) {
        if (isFlaw(found)) throw damaged(path, found.at, found.flaw)
        await rewriting.take(input, found, path, writer)
        await rest()
      }
      tally = { segments: tally.segments + 1, bytesBefore: tally.bytesBefore + input.bytes }
      const isLast = i === job.inputs.length - 1
      // A unit that goes on in the next segment must not be torn.
      if (!isLast && (writer.bytes < job.fileBytes || !rewriting.isWhole)) continue
      const segment = await writer.finish()
      writer = undefined
      crashPoint('compaction.written')
      await fs.syncFolder(job.folder)
      crashPoint('compaction.synced')
      yield { segment, to: rewriting.next, state: checkpointOf(job.logId, head), ...tally, ...rewriting.tell() }
      tally = newTally()
    }
  } finally {
    await writer?.abandon()
  }
}

function newTally(): { segments: number; bytesBefore: number } {
  return { segments: 0, bytesBefore: 0 }
}

/** Takes chunks in the log's order. */
class Rewriting {
  readonly #job: RewriteJob
  readonly #head: Head
  readonly #walk: UnitWalk
  readonly #survivors: Survivors
  /** The base tells of all up to here; what comes behind is walked. */
  readonly #based: number
  /** No chunk has come yet that is too young, or not read by all: then nothing behind it may go either. */
  #deletesGo = true
  #eventsGo = true
  next: number

  constructor(job: RewriteJob, head: Head) {
    this.#job = job
    this.#head = head
    this.#walk = new UnitWalk(head)
    this.#based = head.end
    this.#survivors = new Survivors(job.liveness)
    this.#know([...head.state.tables.values()])
    this.next = job.inputs[0]!.first
  }

  /** No unit is under way. */
  get isWhole(): boolean {
    return this.next <= this.#head.end + 1
  }

  /** The chunks that follow come from this segment. */
  enter({ first }: SegmentInfo): void {
    if (first > this.#based) this.#walk.enter(first, 0)
  }

  async take(input: SegmentInfo, found: FoundChunk, path: string, into: CompactedWriter): Promise<void> {
    const { header, payload, at } = found
    if (header.base !== this.next)
      throw damaged(path, at, `offset ${header.base} stands where ${this.next} was expected`)
    if (header.type === ChunkType.places) return
    if (input.first > this.#based) {
      const flaw = this.#walk.take(input.first, found)
      if (flaw !== undefined) throw damaged(path, at, flaw)
    }
    if (header.type === ChunkType.tables) {
      this.#know(JSON.parse(payload.toString('utf8')) as Table[])
      return
    }
    await into.begin(header)
    this.#survivors.take({ payload, base: header.base }, this.#expiry(header), into)
    this.next += header.entries
  }

  /** What was counted since the last time. */
  tell(): Pick<Rewritten, 'expired' | 'scanned' | 'kept'> {
    const { expired, scanned, kept } = this.#survivors
    this.#survivors.scanned = 0
    this.#survivors.kept = 0
    return { expired, scanned, kept }
  }

  #expiry({ base, entries, appendTime }: ChunkHeader): { deletes: boolean; events: boolean } {
    const { readTo, deletesTo, eventsTo } = this.#job
    const isRead = base + entries - 1 <= readTo
    this.#deletesGo &&= isRead && appendTime <= deletesTo
    this.#eventsGo &&= isRead && appendTime <= eventsTo
    return { deletes: this.#deletesGo, events: this.#eventsGo }
  }

  #know(tables: readonly Table[]): void {
    for (const table of tables) this.#survivors.know(table)
  }
}
