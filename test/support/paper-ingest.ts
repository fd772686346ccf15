import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SourceLog } from '../../runtime/contract.ts'
import type { Loads } from '../../runtime/ingest/loads.ts'
import { ingest } from '../../runtime/ingest.ts'
import { createLogger } from '../../runtime/logger.ts'
import { keyFromTexts, keyTexts } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { openIndexed } from './indexed-log.ts'
import { PaperDatabase } from './paper-database.ts'
import { PAPER, type PaperHooks, PaperSource } from './paper-source.ts'
import { until } from './until.ts'

const asked = new Error('the test stops it')

/** A change of the paper table as the log has it. */
export interface PaperLine {
  readonly kind: string
  readonly key: string
  /** Number of the transaction that wrote the row, or deleted it; NaN where a sweep did. */
  readonly n: number
}

/** Ingest from a database on paper into an embedded log that can be stopped, cut off and opened again. */
export class PaperIngest implements AsyncDisposable {
  readonly database: PaperDatabase
  readonly hooks: PaperHooks
  readonly #folder: string
  #log: SourceLog
  #source: PaperSource | undefined
  #loads = Promise.withResolvers<Loads>()
  #drain = new AbortController()
  #cut = new AbortController()
  #ended: Promise<unknown> = Promise.resolve()
  #position = ''

  private constructor(database: PaperDatabase, hooks: PaperHooks, folder: string, log: SourceLog) {
    this.database = database
    this.hooks = hooks
    this.#folder = folder
    this.#log = log
  }

  static async open(database = new PaperDatabase(), hooks: PaperHooks = {}): Promise<PaperIngest> {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-paper-'))
    return new PaperIngest(database, hooks, folder, await openHooked(folder, hooks))
  }

  get log(): SourceLog {
    return this.#log
  }

  get position(): string {
    return this.#position
  }

  /** Begins, or goes on; resolves when the stream has begun. */
  async start(): Promise<Loads> {
    const source = new PaperSource(this.database, this.hooks)
    this.#source = source
    this.#drain = new AbortController()
    this.#cut = new AbortController()
    this.#loads = Promise.withResolvers()
    const events = {
      started: () => {},
      loaded: () => {},
      streaming: (loads: Loads | undefined) => this.#loads.resolve(loads!),
      durable: (position: string) => {
        this.#position = position
      },
    }
    const work = { signal: this.#cut.signal, drain: this.#drain.signal, running: () => {} }
    const run = ingest(source, this.#log, events, work, { logger: createLogger('silent'), resync: false })
    this.#ended = run.catch(error => error)
    return await Promise.race([this.#loads.promise, run as Promise<never>])
  }

  /** Resolves with what ended it. */
  get ended(): Promise<unknown> {
    return this.#ended
  }

  written(): void {
    this.#source!.written()
  }

  async backfill(sweep = false): Promise<void> {
    const loads = await this.#loads.promise
    await loads.add(this.#source!.request(PAPER.name, { kind: 'all' }, sweep)!)
  }

  /** As for a sink that lost these rows. */
  async rewrite(keys: readonly string[]): Promise<void> {
    const loads = await this.#loads.promise
    const scope = { kind: 'keys', keys: keys.map(key => keyFromTexts([key])) } as const
    const request = { ...this.#source!.request(PAPER.name, scope, false)!, repair: true }
    const error = await loads.repair(request, this.#drain.signal)
    if (error !== undefined) throw error
  }

  /** Lets the stream bring what is written, as far as it comes in a few turns: it may be held up by who asks. */
  async turns(): Promise<void> {
    this.written()
    for (let i = 0; i < 200 && this.#position !== String(this.database.wal.length); i++)
      await new Promise(resolve => setImmediate(resolve))
  }

  /** Resolves when no load of the table is under way; rejects if ingest has failed. */
  async loaded(): Promise<void> {
    const loads = await this.#loads.promise
    const ended = this.#ended.then(error => {
      if (error !== asked) throw error
    })
    await Promise.race([loads.settled(this.#drain.signal).catch(() => ended), ended])
  }

  /** In good order, or cut off. Throws what it ended with otherwise. */
  async stop(isCut = false): Promise<void> {
    this.#drain.abort(asked)
    if (isCut) this.#cut.abort(asked)
    const error = await this.#ended
    if (error !== asked) throw error
  }

  async reopen(): Promise<void> {
    await this.#log[Symbol.asyncDispose]()
    this.#log = await openHooked(this.#folder, this.hooks)
  }

  /** Everything committed is in the log, all loads have ended, and every row is whole. */
  async settle(): Promise<void> {
    this.written()
    const loads = await this.#loads.promise
    const check = async (): Promise<boolean> => {
      if (this.#position !== String(this.database.wal.length) || loads.has(PAPER.name)) return false
      return ((await this.#log.stats()).index!.incomplete.get(PAPER.name) ?? 0) === 0
    }
    const failed = this.#ended.then(error => {
      throw error
    })
    failed.catch(() => {})
    await Promise.race([until(check, 'everything is in the log and whole'), failed])
  }

  /** Changes of the table, oldest first. */
  async lines(): Promise<PaperLine[]> {
    return (await this.#read()).lines
  }

  /** The rows that the log leaves: `n big`, by key. */
  async rows(): Promise<Map<string, string>> {
    return (await this.#read()).rows
  }

  async #read(): Promise<{ lines: PaperLine[]; rows: Map<string, string> }> {
    const lines: PaperLine[] = []
    const rows = new Map<string, string>()
    const end = this.#log.end()!
    for await (const batch of this.#log.read('start', () => true, new AbortController().signal)) {
      for (const change of batch) {
        const [key = ''] = keyTexts(change.key)
        if (change.kind === 't') rows.clear()
        else if (change.kind === 'd') rows.delete(key)
        else if (change.kind !== 's') {
          const big = change.tag(2) === CellTag.absent ? '?' : change.text(2)
          rows.set(key, `${change.text(1)} ${big}`)
        }
        if (change.kind === 's') continue
        const n = change.kind === 'd' || change.kind === 't' ? change.transaction : change.text(1)
        lines.push({ kind: change.kind, key, n: Number(n ?? Number.NaN) })
      }
      if (this.#log.compare(batch.cursor, end) !== 'before') break
    }
    return { lines, rows }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#drain.abort(asked)
    this.#cut.abort(asked)
    await this.#ended
    await this.#log[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function openHooked(folder: string, hooks: PaperHooks): Promise<SourceLog> {
  const log = await openIndexed(folder)
  const states = log.states!.bind(log)
  return Object.assign(log, {
    async states(...asked: Parameters<typeof states>) {
      const found = await states(...asked)
      await hooks.looked?.()
      return found
    },
  })
}

/** What the database has now, as `PaperIngest.rows` tells it. */
export function paperRows(database: PaperDatabase): Map<string, string> {
  return new Map([...database.rows(() => true)].map(([key, { n, big }]) => [key, `${n} ${big}`]))
}
