import { readFileSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { MemorySlot, type MemoryThreadData } from './memory.ts'

/** Reads the memory of a process again and again. See memory.ts. */

const INTERVAL_MS = 10

const { pid, shared } = workerData as MemoryThreadData
const slots = new Int32Array(shared)
for (let last = performance.now(); slots[MemorySlot.ended] === 0; ) {
  const kib = rssAnon()
  if (kib === undefined) break
  const now = performance.now()
  slots[MemorySlot.longestGapMs] = Math.max(slots[MemorySlot.longestGapMs]!, Math.ceil(now - last))
  last = now
  slots[MemorySlot.nowKib] = kib
  slots[MemorySlot.peakKib] = Math.max(slots[MemorySlot.peakKib]!, kib)
  slots[MemorySlot.samples]!++
  Atomics.wait(slots, MemorySlot.ended, 0, INTERVAL_MS)
}

/** Undefined once the process has ended. */
function rssAnon(): number | undefined {
  try {
    return (
      Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? Number.NaN) || undefined
    )
  } catch {
    return undefined
  }
}
