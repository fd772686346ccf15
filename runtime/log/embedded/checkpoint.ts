import type { LoadProgress, Position, SourceIdentity, Table, UnitEnd } from '../../contract.ts'
import { freeze } from '../../record/schema.ts'
import { readChecked, replaceChecked } from './checked-file.ts'
import type { Fs } from './fs.ts'
import type { Head } from './head.ts'
import type { Place } from './scan.ts'
import type { SegmentInfo } from './segment.ts'

const CHECKPOINT = 'checkpoint'

/** What a scan of the log up to a unit end would find: saves that scan. Derived; any that is missing is made anew. */
export interface Checkpoint {
  readonly logId: string
  /** Offset of the unit end. */
  readonly end: number
  readonly place: Place | undefined
  readonly segments: readonly SegmentInfo[]
  readonly stream: Position | null
  readonly loads: readonly (readonly [string, LoadProgress])[]
  readonly tables: readonly Table[]
  readonly identity: SourceIdentity
  /** In decimal; missing in checkpoints of versions that knew of no lineage. */
  readonly lineageFrom?: string
}

/** Durable on return. What the head stands on already is. */
export function writeCheckpoint(fs: Fs, folder: string, logId: string, head: Head): Promise<void> {
  return replaceChecked(fs, folder, CHECKPOINT, checkpointOf(logId, head))
}

export function checkpointOf(logId: string, { end, place, segments, state }: Head): Checkpoint {
  return {
    logId,
    end,
    place,
    segments: [...segments],
    stream: state.stream ?? null,
    loads: [...state.loads],
    tables: [...state.tables.values()],
    identity: state.identity,
    lineageFrom: String(state.lineageFrom),
  }
}

/** Undefined if there is none of this log, or it is damaged. */
export async function readCheckpoint(fs: Fs, folder: string, logId: string): Promise<Checkpoint | undefined> {
  const found = await readChecked(fs, folder, CHECKPOINT)
  if (found.state !== 'found') return undefined
  const checkpoint = found.value as Checkpoint
  return checkpoint.logId === logId ? checkpoint : undefined
}

/** Puts an empty head where the checkpoint was made. */
export function restore(head: Head, checkpoint: Checkpoint): void {
  for (const segment of checkpoint.segments) head.setSegment(segment)
  restoreState(head, checkpoint)
  head.place = checkpoint.place
}

/** The head knows the segments up to there, and passes over what they hold. */
export function restoreState(head: Head, checkpoint: Checkpoint): void {
  const { tables, loads, stream, identity, lineageFrom = '0', end } = checkpoint
  for (const table of tables) head.state.tables.set(table.id, freeze(table))
  const ends: UnitEnd[] = loads.map(([name, progress]) => ({ lane: `load:${name}`, progress }))
  if (stream !== null) {
    ends.push({ lane: 'stream', position: stream })
    head.streamEnds.push({ offset: end, position: stream })
  }
  head.state.restore(ends, identity, BigInt(lineageFrom))
  head.end = end
}
