/** The oracle's writer: a thread that writes to the source and knows exactly what was committed. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Written } from './history.ts'

export interface WriterOptions {
  readonly url: string
  readonly seed: number
  /** Transactions a second, aborts among them. */
  readonly rate: number
  readonly connections?: number
  /** Keys of each table that it writes to, and how many of them are hot. */
  readonly keys?: number
  readonly hot?: number
  /** Rows that `by_number` holds from the start. */
  readonly filled: number
}

/** Counters that the thread shares while it writes. */
export const COUNTERS = ['committed', 'aborted', 'changes'] as const

/** Keys of each table that the writer writes to: 0 up to this. The first of them are hot. */
export const WRITTEN_KEYS = 600
export const HOT_KEYS = 48

export class Writer implements AsyncDisposable {
  readonly #worker: Worker
  readonly #counters: BigInt64Array
  readonly #ended: Promise<unknown>
  #failure: unknown

  private constructor(worker: Worker, counters: BigInt64Array) {
    this.#worker = worker
    this.#counters = counters
    this.#ended = once(worker, 'exit')
    this.#ended.catch(() => {})
    worker.on('error', error => {
      this.#failure = error
    })
  }

  /** Returns once it writes. */
  static async start(options: WriterOptions): Promise<Writer> {
    const shared = new SharedArrayBuffer(COUNTERS.length * 8)
    const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), {
      workerData: { connections: 4, keys: WRITTEN_KEYS, hot: HOT_KEYS, ...options, shared },
    })
    const writer = new Writer(worker, new BigInt64Array(shared))
    await once(worker, 'message')
    return writer
  }

  get committed(): number {
    return Number(Atomics.load(this.#counters, 0))
  }

  /** Rows changed by what was committed. */
  get changes(): number {
    return Number(Atomics.load(this.#counters, 2))
  }

  /** Ends after the transactions under way and answers everything that was committed. Throws what made it fail. */
  async stop(): Promise<Written> {
    if (this.#failure === undefined) this.#worker.postMessage('stop')
    const answer = once(this.#worker, 'message')
    answer.catch(() => {})
    await Promise.race([answer, this.#ended])
    if (this.#failure !== undefined) throw this.#failure
    const [written] = (await answer) as [Written]
    await this.#ended
    return written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}
