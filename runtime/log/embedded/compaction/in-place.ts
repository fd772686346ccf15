import { join } from 'node:path'
import { crashPoint } from '../../../crash.ts'
import type { Checkpoint } from '../checkpoint.ts'
import type { Head } from '../head.ts'
import type { LogPlace } from '../log-place.ts'
import { expiredTo, type Manifest, removalsOf, writeManifest } from '../manifest.ts'
import { type Compacted, type SegmentInfo, segmentName } from '../segment.ts'
import { type Base, baseName, writeBase } from './base.ts'
import { removeLeftovers } from './leftovers.ts'

/** A segment that takes the place of some, durable with its name. */
export interface Replacement {
  readonly segment: SegmentInfo
  /** Offset behind it. */
  readonly to: number
  /** How the log stands there, or further on, without its segments. */
  readonly state: Checkpoint
}

/** What is indexed of the segments. */
export interface SegmentIndex {
  /** Resolves once nothing of what these segments replace is read any more. */
  compacted(compacted: Compacted): Promise<void>
}

/** Puts segments in the place of others (R3.4). The manifest's only writer while the log is open. */
export class InPlace {
  readonly #place: LogPlace
  readonly #head: Head
  readonly #index: SegmentIndex
  #manifest: Manifest
  #base: Base | undefined
  /** Of the file that is written next. */
  #generation: number

  /** `manifest` and `base`: as they are now, of a log that was opened. */
  constructor(place: LogPlace, head: Head, index: SegmentIndex, manifest: Manifest, base: Base | undefined) {
    this.#place = place
    this.#head = head
    this.#index = index
    this.#manifest = manifest
    this.#base = base
    const known = (base?.segments ?? []).map(({ compacted }) => compacted?.generation ?? 0)
    this.#generation = Math.max(0, ...known) + 1
  }

  get manifest(): Manifest {
    return this.#manifest
  }

  get base(): Base | undefined {
    return this.#base
  }

  /** Differs from that of all files before. */
  get generation(): number {
    return this.#generation
  }

  /** A file was written. */
  written({ compacted }: SegmentInfo): void {
    this.#generation = Math.max(this.#generation, compacted!.generation + 1)
  }

  /** Durable on return. */
  async store(change: Partial<Manifest>): Promise<void> {
    const { fs, folder } = this.#place
    const manifest = { ...this.#manifest, ...change }
    await writeManifest(fs, folder, manifest)
    this.#manifest = manifest
  }

  /**
   * Durable on return. A crash leaves either the old segments or the new one in the log, and files to be removed. `among`:
   * the segments that the base holds from then on, ahead of and behind those replaced. `change`: of the manifest.
   */
  async put(
    { segment, to, state }: Replacement,
    among: readonly SegmentInfo[],
    change: Partial<Manifest>,
  ): Promise<void> {
    const { fs, folder } = this.#place
    const compaction = (this.#manifest.compaction ?? 0) + 1
    const before = among.filter(({ first }) => first < segment.first)
    const segments = [...before, segment, ...among.filter(({ first }) => first >= to)]
    const base: Base = { ...state, segments, place: undefined }
    await writeBase(fs, folder, compaction, base)
    crashPoint('compaction.based')
    const first = Math.max(this.#manifest.first, to, state.end + 1)
    await this.store({ ...change, first, compaction })
    crashPoint('compaction.placed')
    this.#base = base
    const replaced = this.#head.segments.filter(known => known.first >= segment.first && known.first < to)
    const removals = removalsOf(this.#manifest)
    const compacted = { segments, first, removals, expiredTo: expiredTo(this.#manifest) }
    this.#head.compacted(compacted)
    await this.#index.compacted(compacted)
    // By name: who writes them may be at the next file already.
    await this.#remove([...replaced.map(segmentName), ...(compaction > 1 ? [baseName(compaction - 1)] : [])])
    crashPoint('compaction.removed')
  }

  /** Of work that has ended. What stays is removed at the next opening. */
  async removeLeftovers(): Promise<void> {
    const { fs, folder, logger } = this.#place
    try {
      await removeLeftovers(fs, folder, this.#manifest, this.#base?.segments ?? [])
    } catch (err) {
      logger.warn({ err, folder }, 'files of a compaction could not be removed')
    }
  }

  /** What stays is removed at the next opening. */
  async #remove(names: readonly string[]): Promise<void> {
    const { fs, folder, logger } = this.#place
    for (const name of names) {
      try {
        await fs.remove(join(folder, name))
      } catch (err) {
        logger.warn({ err, folder, name }, 'a file that compaction has replaced could not be removed')
      }
    }
  }
}
