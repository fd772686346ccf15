import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { TailraceError } from '../../errors.ts'
import { readChecked, replaceChecked } from './checked-file.ts'
import { damaged } from './failures.ts'
import type { Fs } from './fs.ts'
import { type Removals, withRemoval } from './removals.ts'
import { FORGOTTEN_FORMAT, SEGMENT_FORMAT } from './segment.ts'

export const MANIFEST = 'manifest'

/** A life of the process that wrote to this log. Its offsets end where the next session's begin. */
export interface Session {
  readonly id: string
  readonly first: number
}

/** What cannot be told from the segments. Replaced as a whole, durable before anything relies on it. */
export interface Manifest {
  readonly format: number
  readonly logId: string
  readonly sessions: readonly Session[]
  /** First offset behind the segments that the base holds. */
  readonly first: number
  /** Greatest offset of a delete that was removed; readers below must start again. 0: none. */
  readonly horizon: number
  /** Of deletes; undefined: one, up to the horizon. */
  readonly removals?: Removals
  /** Every delete up to here is gone: compaction takes them one after the other. Undefined: the horizon. */
  readonly expiredTo?: number
  /** Below this offset only the order per key holds. 0: everywhere it is the log's. */
  readonly cleanedTo: number
  /** The segments ahead of `first`, and how the log stands behind them (compaction/base.ts). */
  readonly compaction?: number
  /** Rows are being forgotten: the index may name changes that are gone already. */
  readonly isForgetting?: boolean
  /** When compaction last came to its end; milliseconds since 1970. */
  readonly compactedAt?: number
}

export function newManifest(): Manifest {
  return { format: SEGMENT_FORMAT, logId: randomId(), sessions: [], first: 1, horizon: 0, cleanedTo: 0 }
}

/** 64 random bits in hexadecimal: names logs and sessions. */
export function randomId(): string {
  return randomBytes(8).toString('hex')
}

/** Undefined if there is none. Throws LOG_DAMAGED, LOG_FORMAT. */
export async function readManifest(fs: Fs, folder: string): Promise<Manifest | undefined> {
  const found = await readChecked(fs, folder, MANIFEST)
  if (found.state === 'missing') return undefined
  if (found.state === 'damaged') throw damaged(join(folder, MANIFEST), 0, 'it does not match its checksum')
  const manifest = found.value as Manifest
  if (manifest.format > FORGOTTEN_FORMAT)
    throw new TailraceError(
      'LOG_FORMAT',
      'stop',
      `The log in ${folder} has format ${manifest.format}; this version of Tailrace reads up to ${FORGOTTEN_FORMAT}.`,
      { hint: 'Run the version of Tailrace that wrote it, or a newer one.' },
    )
  return manifest
}

export function removalsOf({ removals, horizon }: Manifest): Removals {
  return removals ?? (horizon === 0 ? [] : [{ number: horizon, to: horizon }])
}

/** How the manifest changes with a removal of deletes up to this offset. */
export function removed(manifest: Manifest, to: number): Pick<Manifest, 'horizon' | 'removals'> {
  const removals = withRemoval(removalsOf(manifest), to)
  return { horizon: removals[0]!.to, removals }
}

export function expiredTo({ expiredTo: offset, horizon }: Manifest): number {
  return offset ?? horizon
}

/** Durable on return. */
export function writeManifest(fs: Fs, folder: string, manifest: Manifest): Promise<void> {
  return replaceChecked(fs, folder, MANIFEST, manifest)
}

/** The manifest of a new opening of a log that ends at `end`. Sessions that left nothing behind are forgotten. */
export function withSession(manifest: Manifest, end: number): Manifest {
  const kept = manifest.sessions.filter(session => session.first <= end)
  return { ...manifest, sessions: [...kept, { id: randomId(), first: end + 1 }] }
}
