import { join } from 'node:path'
import type { Checkpoint } from './checkpoint.ts'
import { restore } from './checkpoint.ts'
import { CHUNK_HEADER, CHUNK_MAGIC, decodeChunkHeader } from './chunk.ts'
import type { Cursors } from './cursors.ts'
import { damaged } from './failures.ts'
import type { File, Fs } from './fs.ts'
import type { Head } from './head.ts'
import type { Manifest } from './manifest.ts'
import type { Mark } from './mark.ts'
import { isFlaw, openSegment, type Place, SegmentScan } from './scan.ts'
import { segmentFirst, segmentName } from './segment.ts'
import { UnitWalk } from './unit-walk.ts'

const SEARCH_WINDOW = 1024 * 1024

interface Stop {
  readonly segment: number
  readonly at: number
  readonly flaw: string
}

/**
 * Reads a log that a process has left, from its checkpoint on, into an empty head, which then stands at the last unit
 * end with a sound chain. What lies behind is a torn unit, to be cut. If anything shows that it was durable before (a
 * later unit, the mark, the checkpoint), it is damage: LOG_DAMAGED, and nothing was touched.
 */
export class Recovery {
  readonly #fs: Fs
  readonly #folder: string
  readonly #manifest: Manifest
  readonly #head: Head
  readonly #cursors: Cursors

  constructor(fs: Fs, folder: string, manifest: Manifest, head: Head, cursors: Cursors) {
    this.#fs = fs
    this.#folder = folder
    this.#manifest = manifest
    this.#head = head
    this.#cursors = cursors
  }

  async run(checkpoint: Checkpoint | undefined, mark: Mark | undefined): Promise<void> {
    const names = await this.#fs.list(this.#folder)
    const firsts = names.flatMap(name => segmentFirst(name) ?? []).sort((a, b) => a - b)
    if (checkpoint !== undefined) await this.#start(checkpoint)
    else if (firsts.length > 0 && firsts[0] !== this.#manifest.first)
      throw damaged(this.#path(this.#manifest.first), 0, 'the oldest segment is missing')
    const from = checkpoint?.place
    const left = firsts.filter(first => first >= (from?.segment ?? 0))
    const stop = await this.#walk(left, from)
    await this.#judge(stop, left, mark)
  }

  /** Everything up to the checkpoint must still be there. */
  async #start(checkpoint: Checkpoint): Promise<void> {
    restore(this.#head.state, checkpoint)
    for (const [i, segment] of checkpoint.segments.entries()) {
      this.#head.setSegment(segment)
      const size = await this.#size(segment.first)
      const isLast = i === checkpoint.segments.length - 1
      if (size < segment.bytes || (!isLast && size > segment.bytes))
        throw damaged(this.#path(segment.first), size, `it was ${segment.bytes} bytes long`)
    }
    this.#head.end = checkpoint.end
    this.#head.place = checkpoint.place
  }

  /** Steps through all that is left; answers where and why it ended. */
  async #walk(firsts: readonly number[], from: Place | undefined): Promise<Stop> {
    const walk = new UnitWalk(this.#head, this.#cursors)
    let stop: Stop = { segment: from?.segment ?? this.#manifest.first, at: from?.at ?? 0, flaw: 'the log ends here' }
    for (const first of firsts) {
      const isFrom = first === from?.segment
      if (!isFrom && first !== walk.next) return { ...stop, flaw: `offset ${walk.next} and what follows is missing` }
      await using file = await this.#open(first)
      const place = isFrom ? from : await openSegment(file, first, this.#manifest.logId)
      if (isFlaw(place)) return { segment: first, ...place }
      const scan = new SegmentScan(file, place, await file.size())
      const known = isFrom ? this.#head.segments.at(-1)! : undefined
      walk.enter(first, place.at, known?.records ?? 0)
      for (;;) {
        const at = scan.at
        stop = { segment: first, at, flaw: 'the log ends here' }
        const found = await scan.next()
        if (found === undefined) break
        const flaw = isFlaw(found) ? found.flaw : walk.take(first, found)
        if (flaw !== undefined) return { segment: first, at, flaw }
      }
    }
    return stop
  }

  /** Damage, or only the unit that was being written when the process ended? */
  async #judge(stop: Stop, firsts: readonly number[], mark: Mark | undefined): Promise<void> {
    const { end } = this.#head
    if (mark !== undefined && mark.end > end) throw this.#damaged(stop, `it was durable up to offset ${mark.end}`)
    for (const first of firsts) {
      if (first < stop.segment) continue
      await using file = await this.#open(first)
      if (await this.#holdsLaterUnit(file, first === stop.segment ? stop.at : 0, end + 1))
        throw this.#damaged(stop, 'later units are sound')
    }
  }

  /** No chunk of a unit is written before the unit ahead of it is durable: one of a later unit proves that. */
  async #holdsLaterUnit(file: File, from: number, unitBase: number): Promise<boolean> {
    const size = await file.size()
    const window = Buffer.alloc(Math.min(SEARCH_WINDOW, size))
    for (let at = from; at < size; at += SEARCH_WINDOW - CHUNK_HEADER) {
      const bytes = window.subarray(0, await file.read(window, at))
      for (let i = bytes.indexOf(CHUNK_MAGIC); i !== -1; i = bytes.indexOf(CHUNK_MAGIC, i + 1)) {
        const header = decodeChunkHeader(bytes, i)
        if (header !== undefined && header.unitBase > unitBase && this.#cursors.knows(header.session)) return true
      }
    }
    return false
  }

  #open(first: number): Promise<File> {
    return this.#fs.open(this.#path(first), 'read')
  }

  async #size(first: number): Promise<number> {
    try {
      await using file = await this.#open(first)
      return await file.size()
    } catch (cause) {
      throw damaged(this.#path(first), 0, 'the file cannot be opened', cause)
    }
  }

  #path(first: number): string {
    return join(this.#folder, segmentName(first))
  }

  #damaged(stop: Stop, proof: string): Error {
    return damaged(this.#path(stop.segment), stop.at, `${stop.flaw}, but ${proof}`)
  }
}
