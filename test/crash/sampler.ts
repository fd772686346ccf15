/** Reads the sinks 50 times a second from a thread of its own, as their users could, and remembers what it saw. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { TableName } from './tables.ts'

export interface SamplerOptions {
  readonly sqlite: string
  readonly jsonl: string
  /** Keys below this are read at every sample, those below `watched` in turns. */
  readonly hot: number
  readonly watched: number
}

/** A change in what a reader saw of a key. */
export interface Sighting {
  readonly sink: string
  readonly table: TableName
  readonly key: number
  /** null: no such row. */
  readonly ver: number | null
  /** The first load was not done: rows may still be missing, or be emptied once more. */
  readonly loading: boolean
}

export interface Sampled {
  readonly sightings: readonly Sighting[]
  /** Rows whose cells do not belong together. */
  readonly torn: readonly string[]
  readonly samples: number
  /** Samples a second, over the sampler's life. */
  readonly rate: number
}

export class Sampler implements AsyncDisposable {
  readonly #worker: Worker
  readonly #loading: Int32Array
  #failure: unknown

  constructor(options: SamplerOptions) {
    const shared = new SharedArrayBuffer(4)
    this.#loading = new Int32Array(shared)
    this.#worker = new Worker(new URL('./sampler-thread.ts', import.meta.url), { workerData: { ...options, shared } })
    this.#worker.on('error', error => {
      this.#failure = error
    })
  }

  set loading(loading: boolean) {
    Atomics.store(this.#loading, 0, loading ? 1 : 0)
  }

  /** Ends and answers what was seen. Throws what made it fail. */
  async stop(): Promise<Sampled> {
    const exit = once(this.#worker, 'exit')
    const answer = once(this.#worker, 'message')
    answer.catch(() => {})
    this.#worker.postMessage('stop')
    await Promise.race([answer, exit])
    if (this.#failure !== undefined) throw this.#failure
    return (await answer)[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}
