import { setImmediate as nextTurn } from 'node:timers/promises'
import { abortable, Bell } from './abort.ts'
import type { Cursor, LogBatch, Sink, Table } from './contract.ts'
import { apply } from './deliver/apply.ts'
import type { DeliveredLog, Delivery } from './deliver/delivery.ts'
import { superseded } from './deliver/superseded.ts'
import { retryRows } from './quarantine/retry.ts'
import { letGo } from './record/batch.ts'
import type { Work } from './supervisor.ts'

/** Cursors that a sink keeps itself are repeated in the log's registry at most this often. */
const REGISTRY_INTERVAL_MS = 1000

interface Replay {
  readonly from: Cursor | 'start'
  readonly begun: () => void
}

/** How far one sink is with one source. Outlives the attempts of the delivery. */
export class DeliveryProgress {
  readonly #bell = new Bell()
  #replay: Replay | undefined
  cursor: Cursor | undefined
  applied = 0
  /** It has stood at the end of the log since this process began. */
  live = false
  /**
   * Set once the sink is built anew: names of the tables that were emptied for it. A table that the log does not know
   * yet is emptied when it comes; if this process ends before, its first load starts again and truncates it.
   */
  emptied: Set<string> | undefined

  /** For the next start: reads on from here, whatever the sink's cursor says. Resolves once the sink has stored that. */
  replay(from: Cursor | 'start', signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#replay = { from, begun: resolve }
    return abortable(promise, signal)
  }

  get replayed(): Replay | undefined {
    return this.#replay
  }

  /** The sink's own cursor says so from now on. */
  replayBegun(): void {
    this.#replay?.begun()
    this.#replay = undefined
  }

  /** Resolves once it has stood at the end of the log, or a batch behind one that is always written to. */
  async becameLive(signal: AbortSignal): Promise<void> {
    while (!this.live) await this.#bell.wait(signal)
  }

  advance(cursor: Cursor, changes: number): void {
    this.cursor = cursor
    this.applied += changes
    this.#bell.ring()
  }

  /** Resolves once the sink stands at or behind this cursor. */
  async reached(log: Pick<DeliveredLog, 'compare'>, cursor: Cursor, signal: AbortSignal): Promise<void> {
    for (;;) {
      const ring = this.#bell.wait(signal)
      ring.catch(() => {})
      const order = this.cursor === undefined ? 'before' : log.compare(this.cursor, cursor)
      if (order === 'equal' || order === 'after') return
      await ring
    }
  }
}

/**
 * Moves one source's changes from its log into one sink, batch by batch, for ever. The sink's cursor moves behind what
 * is durable in its target; a crash repeats at most what came after it, which converges. A sink whose cursor does not
 * belong to this log, or that lost it, is emptied table by table and built anew.
 */
export async function deliver(delivery: Delivery, sink: Sink, progress: DeliveryProgress, work: Work): Promise<void> {
  const { log, sinkName, filter, isAnew = false, anewBegun } = delivery
  await log.readers.register(sinkName, delivery.reads)
  const replayed = isAnew ? undefined : progress.replayed
  const after = await startingPoint(delivery, sink, replayed?.from, work.signal)
  if (after !== 'start') {
    progress.live ||= isAtEnd(log, after)
    progress.advance(after, 0)
    if (isAtEnd(log, after)) progress.replayBegun()
  } else if (replayed?.from !== 'start') {
    progress.live = false
    progress.emptied = new Set()
  }
  await retryAsked(delivery, sink, after, work.signal)
  const registry = new RegistryCursor(log, sinkName, sink.cursor === undefined)
  let known = -1
  const emptyNew = async (tables: ReadonlyMap<number, Table>): Promise<void> => {
    if (progress.emptied === undefined || tables.size === known) return
    known = tables.size
    for (const table of tables.values()) if (filter(table)) await empty(sink, table, progress.emptied, work.signal)
  }
  try {
    await emptyNew(log.tables())
    for await (const { batch, skip, isNewest } of batchesOf(delivery, sink, after, work.drain)) {
      await emptyNew(batch.tables)
      await apply(delivery, sink, batch, skip, work.signal)
      letGo(batch)
      await registry.move(batch.cursor)
      await anewBegun?.()
      progress.advance(batch.cursor, batch.count)
      progress.replayBegun()
      progress.live ||= isNewest || isAtEnd(log, batch.cursor)
    }
  } finally {
    await registry.store()
  }
}

interface Prepared {
  readonly batch: LogBatch
  readonly skip: ReadonlySet<number> | undefined
  /** It has all that the log held when it was asked for: at a log that is always written to no sink is ever at the end. */
  readonly isNewest: boolean
}

/**
 * The log's batches. Behind a full one, of which there is more, the next is read, and shown to the sink, while it is being
 * applied; behind another only then, so that what comes meanwhile goes into one batch.
 */
async function* batchesOf(
  delivery: Delivery,
  sink: Sink,
  after: Cursor | 'start',
  drain: AbortSignal,
): AsyncGenerator<Prepared> {
  const { log, filter, limits } = delivery
  const full = (limits.maxRows ?? Number.POSITIVE_INFINITY) / 2
  const end = new AbortController()
  const signal = AbortSignal.any([drain, end.signal])
  const batches = log.read(after, filter, signal, { ...limits, isAdmitted: true })[Symbol.asyncIterator]()
  const read = async (): Promise<Prepared | undefined> => {
    const asked = delivery.isLoading() ? undefined : log.end()
    const { value: batch, done } = await batches.next()
    if (done === true) return undefined
    const isNewest = asked !== undefined && log.compare(batch.cursor, asked) !== 'before'
    return { batch, skip: superseded(delivery, batch), isNewest }
  }
  const readAhead = async (): Promise<Prepared | undefined> => {
    const prepared = await read()
    if (prepared !== undefined) sink.ahead?.(prepared.batch)
    return prepared
  }
  try {
    for (let prepared = await read(); prepared !== undefined; ) {
      // In a later turn: first the sink has its batch.
      const ahead = prepared.batch.count >= full ? nextTurn().then(readAhead) : undefined
      ahead?.catch(() => {})
      yield prepared
      prepared = await (ahead ?? read())
    }
  } finally {
    end.abort()
    await batches.return?.()
  }
}

function isAtEnd(log: DeliveredLog, cursor: Cursor): boolean {
  const end = log.end()
  return end === undefined || log.compare(cursor, end) !== 'before'
}

/** A sink's cursor in the log's registry: the one that counts, or a copy of the target's own that may lag a little. */
class RegistryCursor {
  readonly #log: DeliveredLog
  readonly #sink: string
  readonly #intervalMs: number
  #cursor: Cursor | undefined
  #storedAt = 0

  constructor(log: DeliveredLog, sink: string, counts: boolean) {
    this.#log = log
    this.#sink = sink
    this.#intervalMs = counts ? 0 : REGISTRY_INTERVAL_MS
  }

  async move(cursor: Cursor): Promise<void> {
    this.#cursor = cursor
    if (Date.now() - this.#storedAt >= this.#intervalMs) await this.store()
  }

  async store(): Promise<void> {
    if (this.#cursor === undefined) return
    await this.#log.readers.save(this.#sink, this.#cursor)
    this.#cursor = undefined
    this.#storedAt = Date.now()
  }
}

/** Where to read on: the target's own cursor wins over the registry's, if it belongs to this log. */
async function startingPoint(
  { log, sinkName, isAnew = false }: Delivery,
  sink: Sink,
  replayed: Cursor | 'start' | undefined,
  signal: AbortSignal,
): Promise<Cursor | 'start'> {
  if (isAnew) return (await log.readers.admit?.(sinkName, undefined)) ?? 'start'
  if (replayed !== undefined)
    return (await log.readers.admit?.(sinkName, replayed === 'start' ? undefined : replayed)) ?? replayed
  const stored = sink.cursor === undefined ? await log.readers.load(sinkName) : await sink.cursor(signal)
  const end = log.end()
  const order = stored === undefined || end === undefined ? 'foreign' : log.compare(stored, end)
  const cursor = order === 'before' || order === 'equal' ? stored : undefined
  return (await log.readers.admit?.(sinkName, cursor)) ?? cursor ?? 'start'
}

/** Building anew: what an earlier life of the sink left of a table goes before the table's first change. */
async function empty(sink: Sink, table: Table, emptied: Set<string>, signal: AbortSignal): Promise<void> {
  if (emptied.has(table.name)) return
  emptied.add(table.name)
  await sink.truncate?.(table, signal)
}

/** Rows that the target refused, and that a person wants written once more, before all else. */
async function retryAsked(
  { log, rejects }: Delivery,
  sink: Sink,
  after: Cursor | 'start',
  signal: AbortSignal,
): Promise<void> {
  if (rejects === undefined) return
  const { quarantine, source, retries } = rejects
  // Built anew, it comes upon all of them again.
  if (after === 'start') await quarantine.drop(row => row.source === source)
  for (const { isMeant, done } of retries.take()) {
    if (after === 'start') done({ written: 0, refused: 0, left: 0 })
    else done(await retryRows({ log, source, sink, cursor: after }, quarantine, isMeant, signal))
  }
}
