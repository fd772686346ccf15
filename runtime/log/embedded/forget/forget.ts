import type { ForgetReport, RowKey } from '../../../contract.ts'
import { errorCode } from '../../../errors.ts'
import type { Appender } from '../appender.ts'
import type { Checkpoint } from '../checkpoint.ts'
import type { InPlace } from '../compaction/in-place.ts'
import { removeLeftovers } from '../compaction/leftovers.ts'
import { syncFolder } from '../failures.ts'
import type { Head } from '../head.ts'
import type { LogPlace } from '../log-place.ts'
import { expiredTo, removalsOf, removed } from '../manifest.ts'
import type { Readers } from '../readers.ts'
import { FORGOTTEN_FORMAT, type SegmentInfo } from '../segment.ts'
import type { Erased, EraseJob } from './erase.ts'
import { ForgottenRows, type NewestChange } from './forgotten-rows.ts'
import { requireDeleted, requireLoaded, requireRead } from './refusals.ts'
import { UniqueRows } from './unique-rows.ts'

/** What knows the newest change of each row. */
export interface RowIndex {
  /** Of these rows, in their order, as of all that is durable at the call. */
  newest(rows: EraseJob['rows']): Promise<readonly NewestChange[]>
  /** No file of it holds a byte of their keys on return, unless they have changed again from the offset `below` on. */
  forget(rows: EraseJob['rows'], below: number): Promise<void>
}

export type Eraser = (job: EraseJob, signal: AbortSignal) => AsyncIterable<Erased>

export interface ForgetParts {
  readonly place: LogPlace
  readonly head: Head
  readonly appender: Appender
  readonly readers: Readers
  readonly index: RowIndex
  readonly eraser: Eraser
}

/** See `SourceLog.forget`. */
export async function forget(
  given: readonly RowKey[],
  parts: ForgetParts,
  inPlace: InPlace,
  signal: AbortSignal,
): Promise<ForgetReport> {
  const { head, place } = parts
  const rows = new UniqueRows(given)
  if (rows.all.length === 0 || head.end === 0) return { removed: given.map(() => 0), ...NOTHING }
  const forgetting = new Forgetting(given, rows, parts, inPlace)
  try {
    await forgetting.run(signal)
  } catch (error) {
    // Which manifest is on the disk is not known then: nothing may go. The process ends.
    if (errorCode(error) === 'LOG_FSYNC') head.fail(error)
    else await forgetting.giveUp()
    throw error
  }
  const { tally, removed } = forgetting
  place.logger.info({ folder: place.folder, rows: rows.all.length, ...tally }, 'rows were forgotten')
  return { removed: rows.given(removed), ...tally }
}

const NOTHING: Omit<ForgetReport, 'removed'> = { segments: 0, bytesBefore: 0, bytesAfter: 0 }

class Forgetting {
  readonly #given: readonly RowKey[]
  readonly #rows: UniqueRows
  readonly #parts: ForgetParts
  readonly #inPlace: InPlace
  /** All ahead of this offset is done. */
  #to = 0
  /** How the log stands behind what is gone over. */
  #sealed: Checkpoint | undefined
  /** Of each of the rows: changes that are gone. */
  readonly removed: number[]
  tally = NOTHING

  constructor(given: readonly RowKey[], rows: UniqueRows, parts: ForgetParts, inPlace: InPlace) {
    this.#given = given
    this.#rows = rows
    this.removed = rows.all.map(() => 0)
    this.#parts = parts
    this.#inPlace = inPlace
  }

  async run(signal: AbortSignal): Promise<void> {
    const { head, place, eraser } = this.#parts
    const newest = await this.#begin(signal)
    const { end } = this.#sealed!
    const segments = head.segments.filter(({ first }) => first <= end)
    const job: EraseJob = {
      folder: place.folder,
      logId: place.logId,
      segments,
      tables: [...head.state.tables.values()].map(({ id, name }) => ({ id, name })),
      rows: this.#rows.all,
      generation: this.#inPlace.generation,
    }
    for await (const erased of eraser(job, signal)) {
      signal.throwIfAborted()
      this.#inPlace.written(erased.segment)
      const next = segments.find(({ first }) => first > erased.replaced.first)
      await this.#put(erased, next?.first ?? end + 1, newest)
    }
    await this.#end(end + 1)
    await removeLeftovers(place.fs, place.folder, this.#inPlace.manifest, head.segments)
    await syncFolder(place.fs, place.folder)
  }

  /** What was put in place stays, and what the index knows fits it. */
  async giveUp(): Promise<void> {
    const { folder, logger } = this.#parts.place
    if (this.tally.segments > 0) {
      try {
        await this.#end(this.#to)
      } catch (err) {
        logger.warn({ err, folder }, 'the index names rows that were forgotten: it is built anew at the next opening')
      }
    }
    await this.#inPlace.removeLeftovers()
  }

  /** Seals what there is of the rows, and answers where their newest change stands. Throws FORGET_*. */
  async #begin(signal: AbortSignal): Promise<number> {
    const { appender, index, head, readers } = this.#parts
    const names = new Set(this.#given.map(({ table }) => table.name))
    const rows = new ForgottenRows(this.#rows.all, [])
    for (;;) {
      signal.throwIfAborted()
      const known = await index.newest(this.#rows.all)
      requireDeleted(this.#given, this.#rows.given(known))
      const newest = Math.max(...known.map(({ offset }) => offset))
      requireRead(await readers.list(), head, newest)
      if (this.#sealed !== undefined && newest <= this.#sealed.end) return newest
      this.#sealed = await appender.sealed(signal)
      requireLoaded(names, this.#sealed, rows)
    }
  }

  async #put({ replaced, segment, removed: counts, expired }: Erased, to: number, newest: number): Promise<void> {
    const { head, readers } = this.#parts
    const { manifest } = this.#inPlace
    const state = this.#sealed!
    const change = { expiredTo: expiredTo(manifest), ...(expired > 0 ? removed(manifest, expired) : {}) }
    // Ahead of the look at the readers: none is admitted any more that would have to be seen there.
    head.removals = change.removals ?? head.removals
    try {
      requireRead(await readers.list(), head, Math.max(newest, expired))
    } catch (error) {
      head.removals = removalsOf(manifest)
      throw error
    }
    const among: readonly SegmentInfo[] = head.segments.filter(({ first }) => first <= state.end)
    await this.#inPlace.put({ segment, to, state }, among, {
      ...change,
      format: Math.max(manifest.format, FORGOTTEN_FORMAT),
      isForgetting: true,
    })
    this.#to = to
    head.ring.clear()
    for (const [place, count] of counts) this.removed[place]! += count
    const { segments, bytesBefore, bytesAfter } = this.tally
    this.tally = {
      segments: segments + 1,
      bytesBefore: bytesBefore + replaced.bytes,
      bytesAfter: bytesAfter + segment.bytes,
    }
  }

  /** The index forgets what the log has forgotten: rows whose newest change stood ahead of this offset. */
  async #end(below: number): Promise<void> {
    await this.#parts.index.forget(this.#rows.all, below)
    if (this.#inPlace.manifest.isForgetting === true) await this.#inPlace.store({ isForgetting: false })
  }
}
