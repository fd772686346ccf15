/** The anonymous resident memory of a process (RssAnon), sampled about 100 times a second from a thread of its own. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Places in the memory that is shared with the thread. */
export const MemorySlot = { ended: 0, nowKib: 1, peakKib: 2, samples: 3, longestGapMs: 4 } as const

export interface MemoryThreadData {
  readonly pid: number
  readonly shared: SharedArrayBuffer
}

export interface Memory {
  readonly peakMb: number
  /** Samples a second. */
  readonly rate: number
  readonly longestGapMs: number
}

const KIB_PER_MB = 1e6 / 1024
/** Slower than this a peak could pass unseen. */
const LEAST_RATE = 20

export class MemorySampler implements AsyncDisposable {
  readonly #slots = new Int32Array(new SharedArrayBuffer(4 * Object.keys(MemorySlot).length))
  readonly #worker: Worker
  #began = performance.now()

  private constructor(pid: number) {
    const workerData: MemoryThreadData = { pid, shared: this.#slots.buffer as SharedArrayBuffer }
    this.#worker = new Worker(new URL('./memory-thread.ts', import.meta.url), { workerData })
  }

  static async start(pid: number): Promise<MemorySampler> {
    const sampler = new MemorySampler(pid)
    await once(sampler.#worker, 'online')
    return sampler
  }

  /** From here on a peak counts. */
  begin(): void {
    this.#slots.fill(0, MemorySlot.nowKib)
    this.#began = performance.now()
  }

  /** Since `begin`. Throws if samples were too few to be sure of the peak. */
  get(): Memory {
    const seconds = (performance.now() - this.#began) / 1000
    const memory: Memory = {
      peakMb: this.#slots[MemorySlot.peakKib]! / KIB_PER_MB,
      rate: this.#slots[MemorySlot.samples]! / seconds,
      longestGapMs: this.#slots[MemorySlot.longestGapMs]!,
    }
    if (memory.rate < LEAST_RATE) throw new Error(`memory was sampled only ${memory.rate.toFixed(1)} times a second`)
    return memory
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Atomics.store(this.#slots, MemorySlot.ended, 1)
    Atomics.notify(this.#slots, MemorySlot.ended)
    await this.#worker.terminate()
  }
}
