import { join } from 'node:path'
import { readChecked, replaceChecked } from '../checked-file.ts'
import { type Checkpoint, readCheckpoint, restore } from '../checkpoint.ts'
import { damaged } from '../failures.ts'
import type { Fs } from '../fs.ts'
import type { Head } from '../head.ts'
import { expiredTo, type Manifest, removalsOf } from '../manifest.ts'

/**
 * The base of a log: its oldest segments, compacted or gone over for rows to be forgotten, and what a scan of all that they
 * were made of would find. One file for each time that such work was put in place; the manifest names the one that counts.
 */
export type Base = Checkpoint

/** Of the file in the log's folder. */
export function baseName(compaction: number): string {
  return `base.${compaction}`
}

export function isBaseName(name: string): boolean {
  return /^base\.\d+(\.new)?$/.test(name)
}

/** Durable on return; nobody looks at it before the manifest names it. */
export function writeBase(fs: Fs, folder: string, compaction: number, base: Base): Promise<void> {
  return replaceChecked(fs, folder, baseName(compaction), base)
}

/** Undefined while nothing was compacted, or `missing` if the manifest has moved on since it was read. */
export async function readBase(
  fs: Fs,
  folder: string,
  { compaction, logId }: Manifest,
): Promise<Base | 'missing' | undefined> {
  if (compaction === undefined) return undefined
  const found = await readChecked(fs, folder, baseName(compaction))
  if (found.state === 'missing') return 'missing'
  const base = found.state === 'found' ? (found.value as Base) : undefined
  if (base?.logId !== logId) throw damaged(join(folder, baseName(compaction)), 0, 'it does not match its checksum')
  return base
}

/** Where a head was put that had been empty. */
export interface Restored {
  /** The newest checkpoint, or the base; undefined: there is neither, and the log is to be read from its beginning. */
  readonly from: Checkpoint | undefined
  readonly base: Base | undefined
}

/** `missing`: see `readBase`; the head is as it was. Throws LOG_DAMAGED. */
export async function restoreHead(
  fs: Fs,
  folder: string,
  manifest: Manifest,
  head: Head,
): Promise<Restored | 'missing'> {
  const base = await readBase(fs, folder, manifest)
  if (base === 'missing') return 'missing'
  head.removals = removalsOf(manifest)
  head.expiredTo = expiredTo(manifest)
  head.appendedFrom = manifest.first
  const from = startOf(await readCheckpoint(fs, folder, manifest.logId), base, manifest.first)
  if (from !== undefined) restore(head, from)
  return { from, base }
}

/** A checkpoint of before a compaction names segments that are gone; one of behind it holds all that the base does. */
function startOf(checkpoint: Checkpoint | undefined, base: Base | undefined, first: number): Checkpoint | undefined {
  if (base === undefined) return checkpoint
  if (checkpoint === undefined || checkpoint.end < first) return base
  const appended = checkpoint.segments.filter(segment => segment.first >= first && segment.compacted === undefined)
  return { ...checkpoint, segments: [...base.segments, ...appended] }
}
