import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
// Kept loaded here: Node unloads an addon with the last thread that loaded it, and LevelDB's own background thread,
// which outlives the worker, would then run into unmapped code (seen as a SIGSEGV at exit).
import 'classic-level'
import type { Logger } from 'pino'
import { Bell } from '../../../abort.ts'
import type { Table } from '../../../contract.ts'
import type { Head } from '../head.ts'
import type { Place } from '../scan.ts'
import type { Compacted } from '../segment.ts'
import {
  type Answers,
  type Durable,
  type FromThread,
  failure,
  type OpenUnit,
  packFailure,
  type Question,
  type QuestionAbout,
  type ThreadData,
  type ToThread,
} from './messages.ts'
import { type LogRecord, packKeys } from './packing.ts'

/** `.ts` from a checkout, `.js` from the package: as this file itself. */
const THREAD = new URL(`./thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url)

/** Bytes of the log that the index may be behind before appends wait for it. */
const TRAIL_BYTES = 256 * 1024 * 1024

export interface KeyIndexOptions {
  readonly folder: string
  readonly logId: string
  readonly head: Head
  readonly logger: Logger
  readonly trailBytes?: number
  /** Why the index that is there is not to be used; undefined: it may be. */
  readonly badBecause?: string | undefined
}

interface Asked {
  resolve(answer: unknown): void
  reject(error: unknown): void
}

interface Wanted extends Asked {
  readonly table: Table
  readonly key: Uint8Array
  readonly open: OpenUnit | undefined
  resolve(record: LogRecord | undefined): void
}

/**
 * The newest record of every key: LevelDB in a thread of its own, which trails the durable log by reading its segments.
 * Derived: what is missing or does not fit the log is built anew. A thread that fails is replaced at the next `restart`.
 */
export class KeyIndex implements AsyncDisposable {
  readonly #options: KeyIndexOptions
  readonly #bell = new Bell()
  #thread: Worker | undefined
  #failure: unknown
  #closing = false
  /** Behind the last chunk applied, and its last offset. */
  #place: Place | undefined
  #applied = 0
  /** The newest offset that the thread was told of. */
  #told = 0
  #isBuilding = false
  #incomplete: ReadonlyMap<string, number> = new Map()
  /** Questions so far. */
  #count = 0
  readonly #wanted = new Map<number, readonly Wanted[]>()
  #gathered: Wanted[] = []
  readonly #asked = new Map<number, Asked>()

  private constructor(options: KeyIndexOptions) {
    this.#options = options
  }

  /** Throws LOG_INDEX if its folder cannot be used. */
  static async open(options: KeyIndexOptions): Promise<KeyIndex> {
    const index = new KeyIndex(options)
    await index.#start(options.badBecause)
    return index
  }

  /** Bytes of the durable log that are not in the index yet. */
  get behindBytes(): number {
    const { segments } = this.#options.head
    const from = this.#place?.segment ?? 0
    let bytes = 0
    for (let i = segments.length - 1; i >= 0 && segments[i]!.first >= from; i--) {
      bytes += segments[i]!.bytes
      if (segments[i]!.first === from && segments[i]!.compacted === undefined) bytes -= this.#place!.at
    }
    return bytes
  }

  /** It is being built from the beginning of the log. */
  get isBuilding(): boolean {
    return this.#isBuilding
  }

  /** Keys whose newest row has absent cells, by table name; as far as the index has come. */
  get incomplete(): ReadonlyMap<string, number> {
    return this.#incomplete
  }

  /** Resolves when the index is close enough behind the log for another append. Throws why it cannot follow. */
  async room(signal: AbortSignal): Promise<void> {
    const limit = this.#options.trailBytes ?? TRAIL_BYTES
    for (;;) {
      this.#check()
      if (this.behindBytes <= limit) return
      await this.#bell.wait(signal)
    }
  }

  /** The head has moved. */
  moved(): void {
    if (this.#told <= this.#applied) this.#follow()
  }

  /**
   * The newest record of a key: in `open`, else in all that is durable now, which the index first comes to. Calls of one
   * turn go to the thread together. Undefined if nothing is known of the key, or a truncate ended it.
   */
  find(table: Table, key: Uint8Array, open: OpenUnit | undefined): Promise<LogRecord | undefined> {
    return new Promise((resolve, reject) => {
      this.#check()
      if (this.#gathered.length === 0) queueMicrotask(() => this.#ask())
      this.#gathered.push({ table, key, open, resolve, reject })
    })
  }

  /** Answered as of all that is durable now. What `transfer` names is the thread's from then on. */
  ask<About extends keyof Answers>(
    question: QuestionAbout<About>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Answers[About]> {
    return new Promise((resolve, reject) => {
      this.#options.head.check()
      this.#check()
      const id = ++this.#count
      this.#asked.set(id, { resolve: answer => resolve(answer as Answers[About]), reject })
      this.#post({ kind: 'ask', id, question: question as Question, durable: this.#durable() }, transfer)
    })
  }

  /** Replaces a thread that has failed, and builds the index anew. Throws LOG_INDEX. */
  async restart(): Promise<void> {
    if (this.#failure === undefined) return
    const lost = this.#thread
    this.#thread = undefined
    await lost?.terminate()
    await this.#start('it failed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    const thread = this.#thread
    if (thread === undefined || this.#failure !== undefined) {
      await thread?.terminate()
      return
    }
    const ended = new Promise<void>(resolve => {
      thread.once('exit', () => resolve())
    })
    this.#post({ kind: 'close' })
    await ended
  }

  async #start(badBecause: string | undefined): Promise<void> {
    const { folder, logId, head } = this.#options
    const { sessions } = head.cursors
    const { appendedFrom, removals, expiredTo } = head
    const segments = head.segments.filter(({ first: from }) => from < appendedFrom)
    const compacted: Compacted = { segments, first: appendedFrom, removals, expiredTo }
    const first = head.segments[0]?.first ?? compacted.first
    const tables = Array.from(head.state.tables.values(), ({ id, name, incarnation }) => ({ id, name, incarnation }))
    const log = { folder, logId, first, sessions, end: head.end, appendedFrom: compacted.first }
    const data: ThreadData = { ...log, tables, compacted, badBecause }
    const thread = new Worker(THREAD, { workerData: data, name: 'log index' })
    this.#thread = thread
    this.#failure = undefined
    this.#place = undefined
    this.#applied = 0
    this.#told = 0
    const opened = Promise.withResolvers<void>()
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'opened') {
        this.#opened(message)
        opened.resolve()
      } else this.#receive(message)
    })
    const lose = (error: unknown): void => {
      if (this.#thread !== thread) return
      this.#fail(failure(packFailure(error)))
      opened.reject(this.#failure)
    }
    thread.on('error', lose)
    thread.on('exit', () => lose(new Error('its thread ended')))
    await opened.promise
    this.#follow()
  }

  #opened({ place, applied, incomplete, discarded }: Extract<FromThread, { kind: 'opened' }>): void {
    const { folder, head, logger } = this.#options
    this.#place = place
    this.#applied = applied
    this.#incomplete = incomplete
    this.#isBuilding = applied === 0 && head.end > 0
    if (discarded !== undefined) logger.warn({ folder, why: discarded }, 'the index of the log is not used')
    if (this.#isBuilding) logger.info({ folder, bytes: head.bytes }, 'the index is built from the log')
  }

  #receive(message: Exclude<FromThread, { kind: 'opened' }>): void {
    if (message.kind === 'failed') this.#fail(failure(message.error))
    else if (message.kind === 'found') this.#found(message)
    else if (message.kind === 'answer') {
      this.#asked.get(message.id)?.resolve(message.answer)
      this.#asked.delete(message.id)
    } else {
      this.#place = message.place
      this.#applied = message.applied
      this.#incomplete = message.incomplete
      if (this.#isBuilding && this.#applied >= this.#options.head.end) this.#isBuilding = false
      if (this.#applied >= this.#told) this.#follow()
      this.#bell.ring()
    }
  }

  #follow(): void {
    const { place, end } = this.#options.head
    if (place === undefined || end <= this.#told || end <= this.#applied || this.#closing) return
    this.#told = end
    this.#post({ kind: 'follow', durable: { place, end } })
  }

  #ask(): void {
    const wanted = this.#gathered
    this.#gathered = []
    const id = ++this.#count
    this.#wanted.set(id, wanted)
    this.#post({
      kind: 'find',
      id,
      keys: packKeys(wanted),
      durable: this.#durable(),
      open: wanted.find(({ open }) => open !== undefined)?.open,
    })
  }

  #durable(): Durable | undefined {
    const { place, end } = this.#options.head
    return place === undefined ? undefined : { place, end }
  }

  #found({ id, from, bytes, records }: Extract<FromThread, { kind: 'found' }>): void {
    const wanted = this.#wanted.get(id) ?? []
    for (const [i, record] of records.entries())
      wanted[from + i]?.resolve(record === undefined ? undefined : { bytes, ...record })
    if (from + records.length >= wanted.length) this.#wanted.delete(id)
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    for (const { reject } of [...this.#asked.values(), ...this.#wanted.values(), this.#gathered].flat())
      reject(this.#failure)
    this.#asked.clear()
    this.#wanted.clear()
    this.#gathered = []
    this.#bell.ring()
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#thread?.postMessage(message, transfer)
  }
}
