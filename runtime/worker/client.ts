import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { abortable } from '../abort.ts'
import type { Cursor, LogBatch, Sink, SinkContext, SinkRow, Table, Target, WriteResult } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import type { Upkeep } from '../upkeep.ts'
import { packBatch, SharedPool } from './batch.ts'
import {
  type Calls,
  type FromHost,
  type HostData,
  type Method,
  type Optional,
  type PackedBatch,
  type SinkArguments,
  type ToHost,
  unpackError,
} from './protocol.ts'

const GET_KEYS = 1000

/** `.ts` from a checkout, `.js` from the package: as this file itself. */
const HOST = new URL(`./host${extname(fileURLToPath(import.meta.url))}`, import.meta.url)

/**
 * Opens a sink plugin in a thread of its own and answers a Target like any other. `type` and `folder` as in
 * `loadPlugin`; `options` must survive a structured clone. A thread that dies ends every call with SINK_WORKER_LOST;
 * the Target is then to be opened anew.
 */
export async function openInWorker(
  type: string,
  folder: string,
  options: unknown,
  context: SinkContext,
): Promise<Target> {
  const thread = new Thread(type, folder, options, context)
  try {
    await thread.call('open', null)
  } catch (error) {
    await thread.end()
    throw error
  }
  return new WorkerTarget(thread)
}

/** Does this to a target that is not open, in a thread that ends with it. */
export async function upkeepInWorker(
  type: string,
  folder: string,
  options: unknown,
  context: SinkContext,
  what: Upkeep,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const thread = new Thread(type, folder, options, context)
  try {
    return await thread.call('upkeep', what, signal)
  } finally {
    await thread.end()
  }
}

/** Calls into the thread, and what comes back. */
class Thread {
  readonly pool = new SharedPool()
  readonly #worker: Worker
  readonly #name: string
  readonly #logger: Logger
  readonly #waiting = new Map<number, { resolve(answer: unknown): void; reject(error: unknown): void }>()
  #lost: TailraceError | undefined
  #calls = 0

  constructor(type: string, folder: string, options: unknown, { logger, ...context }: SinkContext) {
    const { name } = context
    const data: HostData = { type, folder, options, context, logLevel: logger.level ?? 'info' }
    this.#name = name
    this.#logger = logger
    this.#worker = new Worker(HOST, { workerData: data, name: `sink ${name}` })
    this.#worker.on('message', (message: FromHost) => this.#receive(message))
    this.#worker.on('error', error => this.#lose(error))
    this.#worker.on('exit', () => this.#lose(undefined))
  }

  /** The answer. An abort ends the waiting; what the thread has begun goes on until it notices. */
  async call<M extends Method>(
    method: M,
    parameters: Calls[M]['arguments'],
    signal?: AbortSignal,
    onDone?: () => void,
  ): Promise<Calls[M]['answer']> {
    signal?.throwIfAborted()
    if (this.#lost !== undefined) throw this.#lost
    const id = ++this.#calls
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    this.#post({ id, method, arguments: parameters } as ToHost)
    const done = onDone === undefined ? answer : answer.finally(onDone)
    if (signal === undefined) return done as Promise<Calls[M]['answer']>
    const onAbort = (): void => this.#post({ abort: id })
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return (await abortable(done, signal)) as Calls[M]['answer']
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The same of closing: in a thread that was lost there is nothing left to close. */
  async close<M extends 'close' | 'closeSink' | 'end'>(method: M, parameters: Calls[M]['arguments']): Promise<void> {
    try {
      if (this.#lost === undefined) await this.call(method, parameters)
    } catch (error) {
      if (error !== this.#lost) throw error
    }
  }

  /** Ends the thread, whatever it is at. */
  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #post(message: ToHost): void {
    this.#worker.postMessage(message)
  }

  #receive(message: FromHost): void {
    if ('log' in message) {
      this.#log(message.log)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(unpackError(message.error))
    else waiting?.resolve(message.answer)
  }

  /** A line that the thread's logger wrote. */
  #log(line: string): void {
    const { level, time: _, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
    const write = this.#logger[level as 'info']
    write.call(this.#logger, fields, msg as string)
  }

  #lose(cause: unknown): void {
    this.#lost ??= new TailraceError('SINK_WORKER_LOST', 'retry', `The thread of the sink "${this.#name}" ended.`, {
      cause,
      hint: 'The sink is opened again and goes on from its cursor. If this repeats, see the log for the cause.',
    })
    for (const { reject } of this.#waiting.values()) reject(this.#lost)
    this.#waiting.clear()
  }
}

class WorkerTarget implements Target {
  readonly #thread: Thread
  #sinks = 0

  constructor(thread: Thread) {
    this.#thread = thread
  }

  async sink(source: { readonly name: string; readonly logId: string }, signal: AbortSignal): Promise<Sink> {
    const number = ++this.#sinks
    const { name, logId } = source
    const has = await this.#thread.call('sink', { sink: number, name, logId }, signal)
    return new WorkerSink(this.#thread, number, has)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#thread.close('close', null)
    } finally {
      await this.#thread.end()
    }
  }
}

class WorkerSink implements Sink {
  readonly truncate?: (table: Table, signal: AbortSignal) => Promise<void>
  readonly flush?: (signal: AbortSignal) => Promise<void>
  readonly cursor?: (signal: AbortSignal) => Promise<Cursor | undefined>
  readonly get?: (
    table: Table,
    keys: readonly Uint8Array[],
    signal: AbortSignal,
  ) => Promise<readonly (SinkRow | undefined)[]>
  readonly rows?: (table: Table, signal: AbortSignal) => AsyncIterable<readonly SinkRow[]>
  readonly #thread: Thread
  readonly #number: number
  readonly #told = new Map<number, Table>()
  #ahead: { readonly batch: LogBatch; readonly packed: PackedBatch } | undefined
  /** The registry whose tables were told, and how many it had then. */
  #registry: { tables: ReadonlyMap<number, Table>; size: number } | undefined

  constructor(thread: Thread, number: number, has: readonly Optional[]) {
    this.#thread = thread
    this.#number = number
    if (has.includes('truncate')) this.truncate = (table, signal) => this.#truncate(table, signal)
    if (has.includes('flush')) this.flush = signal => this.#flush(signal)
    if (has.includes('cursor')) this.cursor = signal => thread.call('cursor', this.#with([]), signal)
    if (has.includes('get')) this.get = (table, keys, signal) => this.#get(table, keys, signal)
    if (has.includes('rows')) this.rows = (table, signal) => this.#rows(table, signal)
  }

  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    signal.throwIfAborted()
    const { pool } = this.#thread
    const packed = this.#pack(batch)
    const tables = this.#news(batch.tables)
    const parameters = { ...this.#with(tables), batch: packed, skip: skip === undefined ? undefined : [...skip] }
    // Only now may the memory be used again: after an abort the thread may still read it.
    return this.#thread.call('write', parameters, signal, () => pool.give(packed.bytes))
  }

  ahead(batch: LogBatch): void {
    this.#ahead = { batch, packed: this.#pack(batch) }
  }

  #pack(batch: LogBatch): PackedBatch {
    const { pool } = this.#thread
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead?.batch === batch) return ahead.packed
    if (ahead !== undefined) pool.give(ahead.packed.bytes)
    return packBatch(batch, pool)
  }

  async #truncate(table: Table, signal: AbortSignal): Promise<void> {
    await this.#thread.call('truncate', { ...this.#with([table]), table: table.id }, signal)
  }

  async #flush(signal: AbortSignal): Promise<void> {
    await this.#thread.call('flush', this.#with([]), signal)
  }

  /** Some keys at a time: so much is on its way at once, and an abort waits for no more. */
  async #get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    signal.throwIfAborted()
    const rows: (SinkRow | undefined)[] = []
    for (let from = 0; from < keys.length; from += GET_KEYS) {
      const group = keys.slice(from, from + GET_KEYS).map(ownBytes)
      rows.push(...(await this.#thread.call('get', { ...this.#with([table]), table: table.id, keys: group }, signal)))
    }
    return rows
  }

  /** A page is made when it is asked for: none waits in the thread or on the way. */
  async *#rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    const iteration = nextIteration()
    try {
      await this.#thread.call('rows', { ...this.#with([table]), table: table.id, iteration }, signal)
      for (;;) {
        const page = await this.#thread.call('next', { sink: this.#number, iteration }, signal)
        if (page === undefined) return
        yield page
      }
    } finally {
      const ended = this.#thread.close('end', { iteration })
      // The thread may be in the middle of a page: whoever aborts does not wait for it, and the reason is theirs.
      if (signal.aborted) ended.catch(() => {})
      else await ended
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.close('closeSink', { sink: this.#number })
  }

  /** The sink, with those of the tables that the thread does not know yet. */
  #with(tables: readonly Table[]): SinkArguments {
    const news = tables.filter(table => this.#told.get(table.id) !== table)
    for (const table of news) this.#told.set(table.id, table)
    return { sink: this.#number, tables: news }
  }

  #news(registry: ReadonlyMap<number, Table>): Table[] {
    if (this.#registry?.tables === registry && this.#registry.size === registry.size) return []
    this.#registry = { tables: registry, size: registry.size }
    return [...registry.values()]
  }
}

let iterations = 0
const nextIteration = (): number => ++iterations

/** A view on pooled memory would be cloned with all of the pool. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
