import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Memory of large values. The collector sees the small object that stands for 100 MB and takes its time, so that one
 * value, copied from stage to stage, would take its size once for each. Here it is told, or not needed at all.
 */

/** From this size on memory is given back at once. A few such pieces may wait for the collector. */
export const LARGE_BYTES = 16 * 1024 * 1024

/** Gives the memory back at once, if it is large. Nobody may use it, or any other view of its buffer, afterwards. */
export function giveBack({ buffer }: Uint8Array): void {
  if (buffer.byteLength >= LARGE_BYTES && 'transfer' in buffer) buffer.transfer(0)
}

let collector: (() => void) | undefined

/** After work with so many bytes that others may still look at: collects what nobody does, if they are large. */
export function collectAfter(bytes: number): void {
  if (bytes < LARGE_BYTES) return
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
  }
  collector()
}
