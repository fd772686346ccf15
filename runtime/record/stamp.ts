import type { Batch } from '../contract.ts'
import { asBuffer } from './cells.ts'
import { HEADER, LONG } from './layout.ts'

/** Writes the append time (microseconds since 1970) into the batch's unit end; nothing to do inside a unit. */
export function stampAppendTime(batch: Batch, time: bigint): void {
  if (batch.end === undefined) return
  const bytes = asBuffer(batch.bytes)
  const long = bytes.readUInt32LE(batch.endAt) === LONG
  bytes.writeBigInt64LE(time, batch.endAt + HEADER + (long ? 8 : 0))
}
