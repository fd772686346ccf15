import { bodyAt } from '../../../record/entry-parts.ts'
import { At, HEADER, LONG } from '../../../record/layout.ts'

/** The entry at `at` with these flags, and with these bytes as its body. */
export function withBody(payload: Buffer, at: number, flags: number, body: readonly Uint8Array[]): Buffer {
  const from = bodyAt(payload, at)
  const entry = Buffer.concat([payload.subarray(at, from), ...body])
  entry[At.flags] = flags
  if (from - at > HEADER) entry.writeBigUInt64LE(BigInt(entry.length), HEADER)
  else if (entry.length < LONG) entry.writeUInt32LE(entry.length, At.length)
  else throw new RangeError('an entry has grown')
  return entry
}
