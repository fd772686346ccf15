import type { Batch } from '../contract.ts'
import { HEADER } from './layout.ts'
import { asBuffer } from './view.ts'

/** Writes the append time (microseconds since 1970) into the batch's unit end; nothing to do inside a unit. */
export function stampAppendTime(batch: Batch, time: bigint): void {
  if (batch.end === undefined) return
  const bytes = asBuffer(batch.bytes)
  bytes.writeBigInt64LE(time, batch.endAt + HEADER)
}
