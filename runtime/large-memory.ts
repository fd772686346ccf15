import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Memory of large values. The collector sees the small object that stands for 100 MB and takes its time, so that one
 * value, copied from stage to stage, would take its size once for each. Here it is told, or not needed at all.
 */

/** From this size on the collector is called. A few such pieces may wait for it. */
export const LARGE_BYTES = 16 * 1024 * 1024

/** Smaller ones may share a buffer, or are not worth the call. */
const PIECE_BYTES = 1.5 * 1024 * 1024

/** Gives the memory back at once, if it is 1.5 MB or more. Nobody may use it, or any other view of its buffer, afterwards. */
export function giveBack({ buffer }: Uint8Array): void {
  if (buffer.byteLength >= PIECE_BYTES && 'transfer' in buffer) buffer.transfer(0)
}

type Collector = (how?: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

let collector: Collector | undefined

/** Collects at once, in this thread. It takes some milliseconds. */
export function collect(...how: Parameters<Collector>): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as Collector
  }
  collector(...how)
}

/** After work with so many bytes that others may still look at: collects what nobody does, if they are large. */
export function collectAfter(bytes: number): void {
  if (bytes >= LARGE_BYTES) collect()
}

const TRIM_MS = 10_000

/**
 * Gives what starting has used back to the system, which the collector would keep for what never comes again. It takes
 * as long as a tenth of a start: a thread that does not live long goes without.
 */
export function trimAfterStart(): void {
  setTimeout(() => collect({ type: 'major', execution: 'sync', flavor: 'last-resort' }), TRIM_MS).unref()
}
