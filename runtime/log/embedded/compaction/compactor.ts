import { setTimeout } from 'node:timers/promises'
import type { CompactionReport, CompactOptions, ForgetReport, RowKey } from '../../../contract.ts'
import { errorCode, TailraceError } from '../../../errors.ts'
import type { Appender } from '../appender.ts'
import { type Eraser, forget, type RowIndex } from '../forget/forget.ts'
import type { Head } from '../head.ts'
import type { LogPlace } from '../log-place.ts'
import { expiredTo, removed } from '../manifest.ts'
import type { Readers } from '../readers.ts'
import { COMPACTED_FORMAT, isStripped, type SegmentInfo } from '../segment.ts'
import { agedSegments, segmentStart } from './aged.ts'
import type { InPlace, SegmentIndex } from './in-place.ts'
import type { Liveness } from './live-offsets.ts'
import { historyReadTo, readTo, silentSince } from './registered.ts'
import type { RewriteJob, Rewritten } from './rewrite.ts'

/** How long what is kept; milliseconds. */
export interface Retention {
  /** The order and the history of all changes. */
  readonly keepHistoryMs: number
  /** Deletes, behind all that they removed. */
  readonly deleteRetentionMs: number
  /** Compaction waits so long for a registered reader that does not come. */
  readonly deleteRetentionMaxMs: number
  /** Rows without a key, and messages. Undefined: for ever. */
  readonly retentionMs: number | undefined
}

/** What tells which changes are needed. */
export interface LiveIndex extends SegmentIndex {
  live(from: number, to: number): Promise<Liveness>
  /** Removes what the log does not hold any more. */
  clean(): Promise<unknown>
}

export type Rewriter = (job: RewriteJob, signal: AbortSignal) => AsyncIterable<Rewritten>

export interface CompactorParts {
  readonly place: LogPlace
  readonly head: Head
  readonly appender: Appender
  readonly readers: Readers
  readonly index: LiveIndex & RowIndex
  readonly rewriter: Rewriter
  readonly eraser: Eraser
  readonly retention: Retention
  readonly segmentBytes: number
}

const SEAL_TRIES = 100
const SEAL_PAUSE_MS = 5
const DAY_MS = 24 * 3600 * 1000
/** A pass is worth its while once so much has come, as a share of what it goes over again. */
const FRESH_SHARE = 0.5
/** Offsets that one look at the index tells of, in 64 MB of memory. */
const WINDOW = 2 ** 29

type Tally = { -readonly [Figure in Exclude<keyof CompactionReport, 'horizon'>]: number }

/** Puts compacted segments in the place of the oldest (R3). */
export class Compactor implements AsyncDisposable {
  readonly #parts: CompactorParts
  readonly #inPlace: InPlace
  #turn: Promise<unknown> = Promise.resolve()
  readonly #closing = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(parts: CompactorParts, inPlace: InPlace) {
    this.#parts = parts
    this.#inPlace = inPlace
  }

  /** See `SourceLog.compact`. */
  compact(signal: AbortSignal, { all = false }: CompactOptions = {}): Promise<CompactionReport> {
    const { retention } = this.#parts
    const kept = all ? { ...retention, keepHistoryMs: 0, deleteRetentionMs: 0 } : retention
    return this.#inTurn(together => this.#compact(together, kept), signal)
  }

  /** See `SourceLog.forget`. */
  forget(rows: readonly RowKey[], signal: AbortSignal): Promise<ForgetReport> {
    return this.#inTurn(together => forget(rows, this.#parts, this.#inPlace, together), signal)
  }

  #inTurn<Report>(work: (signal: AbortSignal) => Promise<Report>, signal: AbortSignal): Promise<Report> {
    const together = AbortSignal.any([signal, this.#closing.signal])
    const done = this.#turn.then(() => work(together))
    this.#turn = done.catch(() => {})
    return done
  }

  /** From now on compacts by itself, whenever it is due. */
  watch(everyMs: number): void {
    this.#timer = setInterval(() => {
      this.#turn = this.#turn.then(() => this.#compactIfDue())
    }, everyMs)
    this.#timer.unref()
  }

  /** A pass under way ends soon; what it has put in place stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#closing.abort(new TailraceError('LOG_CLOSED', 'retry', 'The log is closed.'))
    await this.#turn
  }

  async #compactIfDue(): Promise<void> {
    const { folder, logger } = this.#parts.place
    try {
      if (this.#closing.signal.aborted) return
      const { retention } = this.#parts
      await this.#sealOld(retention)
      if (await this.#isDue()) await this.#compact(this.#closing.signal, retention)
    } catch (err) {
      if (!this.#closing.signal.aborted) logger.warn({ err, folder }, 'the log could not be compacted')
    }
  }

  /** So much has come that a pass is worth its while, or the last one is long ago. */
  async #isDue(): Promise<boolean> {
    const { head, appender, place } = this.#parts
    const aged = await agedSegments(place, head, this.#micros(this.#parts.retention.keepHistoryMs))
    let fresh = 0
    let old = 0
    for (const segment of aged) {
      if (isStripped(segment)) old += segment.compacted!.entryBytes
      else fresh += segment.bytes
    }
    if (fresh === 0) return false
    return (
      appender.full || fresh >= old * FRESH_SHARE || Date.now() - (this.#inPlace.manifest.compactedAt ?? 0) >= DAY_MS
    )
  }

  async #compact(signal: AbortSignal, retention: Retention): Promise<CompactionReport> {
    const { head, place, index } = this.#parts
    const tally: Tally = { segments: 0, scanned: 0, kept: 0, bytesBefore: 0, bytesAfter: 0 }
    try {
      signal.throwIfAborted()
      await this.#sealOld(retention)
      await this.#pass(tally, signal, retention)
      if (tally.segments > 0) {
        await index.clean()
        await this.#inPlace.store({ compactedAt: Date.now() })
        place.logger.info({ folder: place.folder, ...tally }, 'the log was compacted')
      }
    } catch (error) {
      // Which manifest is on the disk is not known then: nothing may go. The process ends.
      if (errorCode(error) === 'LOG_FSYNC') head.fail(error)
      else await this.#inPlace.removeLeftovers()
      throw error
    }
    const { horizon } = this.#inPlace.manifest
    return { ...tally, horizon: horizon === 0 ? undefined : head.cursors.at(horizon) }
  }

  /** The newest segment is only full after a long time where little happens. */
  async #sealOld(retention: Retention): Promise<void> {
    const { head, place, appender } = this.#parts
    const newest = head.segments.at(-1)
    if (newest === undefined || newest.compacted !== undefined) return
    const { madeAt } = await segmentStart(place.fs, place.folder, newest)
    if (newest.records === 0 || madeAt > this.#micros(Math.min(DAY_MS, retention.keepHistoryMs))) return
    // One that never has a pause between its units fills its segments soon enough.
    for (let i = 0; i < SEAL_TRIES && !(await appender.seal()); i++) await setTimeout(SEAL_PAUSE_MS)
  }

  async #pass(tally: Tally, signal: AbortSignal, retention: Retention): Promise<void> {
    const { head, place, readers } = this.#parts
    await this.#expire()
    const history = historyReadTo(await readers.list(), head)
    const aged = await agedSegments(place, head, this.#micros(retention.keepHistoryMs), history + 1)
    for (let inputs = aged; inputs.length > 0; ) {
      const { first } = inputs[0]!
      const count = inputs.findIndex(segment => segment.first - first >= WINDOW)
      const window = count === -1 ? inputs : inputs.slice(0, Math.max(1, count))
      inputs = inputs.slice(window.length)
      await this.#rewrite(window, tally, signal, retention)
    }
  }

  /** Readers that have not come for too long are waited for no more. */
  async #expire(): Promise<void> {
    const { place, readers, retention } = this.#parts
    const known = await readers.list()
    const lost = silentSince(known, retention.deleteRetentionMaxMs).map(({ name }) => name)
    await readers.expire(lost)
    const silent = silentSince(known, retention.deleteRetentionMaxMs / 2).map(({ name }) => name)
    const warn = (sinks: readonly string[], message: string): void => {
      if (sinks.length > 0) place.logger.warn({ sinks, folder: place.folder }, message)
    }
    warn(lost, 'sinks have not read for longer than deleteRetentionMax: they are built anew when they come')
    warn(
      silent.filter(name => !lost.includes(name)),
      'sinks have not read for half of deleteRetentionMax: deletes are kept for them until then; `tailrace remove --sink` ends that',
    )
  }

  async #rewrite(
    inputs: readonly SegmentInfo[],
    tally: Tally,
    signal: AbortSignal,
    retention: Retention,
  ): Promise<void> {
    const { head, place, readers, index, rewriter, segmentBytes } = this.#parts
    const inPlace = this.#inPlace
    const last = inputs.at(-1)!
    const to = head.segments[head.segments.indexOf(last) + 1]?.first ?? head.end + 1
    const liveness = await index.live(inputs[0]!.first, to)
    const job: RewriteJob = {
      folder: place.folder,
      logId: place.logId,
      sessions: head.cursors.sessions,
      inputs,
      base: inPlace.base,
      liveness,
      readTo: readTo(await readers.list(), head),
      deletesTo: this.#micros(retention.deleteRetentionMs),
      eventsTo: retention.retentionMs === undefined ? 0n : this.#micros(retention.retentionMs),
      fileBytes: segmentBytes / 2,
      generation: inPlace.generation,
    }
    for await (const rewritten of rewriter(job, signal)) {
      signal.throwIfAborted()
      inPlace.written(rewritten.segment)
      // Who has registered since would keep what the missing deletes removed. The next pass will do.
      if (rewritten.expired > readTo(await readers.list(), head)) return
      await this.#put(rewritten)
      tally.segments += rewritten.segments
      tally.scanned += rewritten.scanned
      tally.kept += rewritten.kept
      tally.bytesBefore += rewritten.bytesBefore
      tally.bytesAfter += rewritten.segment.bytes
    }
  }

  #put(rewritten: Rewritten): Promise<void> {
    const { manifest, base } = this.#inPlace
    const { to, expired } = rewritten
    return this.#inPlace.put(rewritten, base?.segments ?? [], {
      format: Math.max(manifest.format, COMPACTED_FORMAT),
      ...(expired > 0 ? removed(manifest, expired) : {}),
      expiredTo: Math.max(expiredTo(manifest), expired),
      cleanedTo: Math.max(manifest.cleanedTo, to - 1),
    })
  }

  /** So many milliseconds ago; microseconds since 1970. */
  #micros(ageMs: number): bigint {
    return BigInt(Math.floor(Date.now() - ageMs)) * 1000n
  }
}
