import { Bell } from '../../abort.ts'
import type { Position, Table, UnitEnd } from '../../contract.ts'
import { ResumeState } from '../common/resume-state.ts'
import type { Cursors } from './cursors.ts'
import { NearReads } from './near-reads.ts'
import { Places } from './places.ts'
import type { Removals } from './removals.ts'
import { type LogChunk, Ring } from './ring.ts'
import type { Place } from './scan.ts'
import { type Compacted, type SegmentInfo, segmentName } from './segment.ts'

/** A unit that has become durable. */
export interface Unit {
  readonly end: UnitEnd
  /** Offset of its unit end. */
  readonly last: number
  readonly tables: readonly Table[]
  /** Behind it. */
  readonly place: Place
  /** The segments it was written to, as they are now. */
  readonly segments: readonly SegmentInfo[]
  readonly chunks: readonly LogChunk[]
}

/** Stream ends remembered for those who wait for a position and are woken late. */
const RECENT_ENDS = 1024

/** All of the log that is durable, as far as it is kept in memory. Moved by the writer, watched by the readers. */
export class Head {
  readonly bell = new Bell()
  readonly state = new ResumeState()
  readonly places = new Places()
  readonly ring: Ring
  readonly near = new NearReads()
  readonly cursors: Cursors
  readonly segments: SegmentInfo[] = []
  /** Where the next chunk goes; undefined while there is no segment. */
  place: Place | undefined
  /** Offset of the last entry; 0 while there is none. */
  end = 0
  bytes = 0
  records = 0
  /** First offset behind the segments that compaction, or `forget`, has put in place: from here on units can be walked. */
  appendedFrom = 1
  /** Of deletes, and of events. */
  removals: Removals = []
  /** See the manifest. */
  expiredTo = 0
  /** The newest unit ends of the stream, oldest first; all of one lineage. */
  readonly streamEnds: { readonly offset: number; readonly position: Position }[] = []
  #failure: unknown

  /** Of a log that another process owns: learns which segments there are now. Answers whether they are others. */
  refresh: () => Promise<boolean> = async () => false

  constructor(cursors: Cursors, ringBytes: number) {
    this.cursors = cursors
    this.ring = new Ring(ringBytes)
  }

  advance(unit: Unit): void {
    for (const table of unit.tables) if (!this.state.tables.has(table.id)) this.state.tables.set(table.id, table)
    const isOtherLineage = this.state.end(unit.end, BigInt(this.end))
    if (isOtherLineage) this.streamEnds.length = 0
    for (const segment of unit.segments) this.setSegment(segment)
    for (const chunk of unit.chunks) this.ring.push(chunk)
    this.end = unit.last
    this.place = unit.place
    if (unit.end.lane === 'stream') {
      this.streamEnds.push({ offset: unit.last, position: unit.end.position })
      if (this.streamEnds.length > 2 * RECENT_ENDS) this.streamEnds.splice(0, RECENT_ENDS)
    }
    this.bell.ring()
  }

  /** A segment was begun that holds nothing yet. */
  begin(segment: SegmentInfo, place: Place): void {
    this.setSegment(segment)
    this.place = place
  }

  /** The newest segment as it is now, or a new one behind it. */
  setSegment(segment: SegmentInfo): void {
    const newest = this.segments.at(-1)
    if (newest?.first === segment.first) {
      this.bytes -= newest.bytes
      this.records -= newest.records
      this.segments.pop()
    }
    this.segments.push(segment)
    this.bytes += segment.bytes
    this.records += segment.records
  }

  /** What `bytes` would be with these at the end, the first of which may be there in part. */
  bytesWith(written: readonly SegmentInfo[]): number {
    const durable = this.place?.segment === written[0]?.first ? (this.place?.at ?? 0) : 0
    return this.bytes - durable + written.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /**
   * Compaction has put these segments in the place of all before `first`. Who reads one that was replaced keeps its file
   * to the end of the present chunk. Answers whether any are others than before.
   */
  compacted({ segments, first, removals, expiredTo }: Compacted): boolean {
    const names = new Set(this.segments.map(segmentName))
    if (segments.every(segment => names.has(segmentName(segment)))) return false
    const appended = this.segments.filter(segment => segment.first >= first && segment.compacted === undefined)
    for (const segment of this.segments) if (!appended.includes(segment)) this.places.forget(segment.first)
    this.segments.splice(0, this.segments.length, ...segments, ...appended)
    this.bytes = this.segments.reduce((sum, { bytes }) => sum + bytes, 0)
    this.records = this.segments.reduce((sum, { records }) => sum + records, 0)
    this.appendedFrom = first
    this.removals = removals
    this.expiredTo = expiredTo
    this.near.clear()
    if (this.end < first) this.ring.clear()
    this.bell.ring()
    return true
  }

  /** Index of the segment that holds this offset. */
  segmentOf(offset: number): number {
    return this.segments.findLastIndex(segment => segment.first <= offset)
  }

  /** The log cannot be trusted any more: every use of it throws this from now on. */
  fail(error: unknown): void {
    this.#failure ??= error
    this.bell.ring()
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
