import { crc32 } from 'node:zlib'
import { Words } from '../../../runtime/record/words.ts'

/** From this length on a native call, and the object for the range that it wants, cost less. */
const LONG = 1024

/** Of each byte with 0 to 7 bytes behind it: eight are looked up at once. https://en.wikipedia.org/wiki/CRC-32 */
const TABLES = Array.from({ length: 8 }, () => new Int32Array(256))
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  ...[Int32Array, Int32Array, Int32Array, Int32Array],
  ...[Int32Array, Int32Array, Int32Array, Int32Array],
]
for (let byte = 0; byte < 256; byte++) {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ 0xedb8_8320 : sum >>> 1
  T0[byte] = sum
}
for (let table = 1; table < 8; table++)
  for (let byte = 0; byte < 256; byte++) {
    const before = TABLES[table - 1]![byte]!
    TABLES[table]![byte] = (before >>> 8) ^ T0[before & 0xff]!
  }

/** CRC-32 as zlib has it, of ranges of a few hundred bytes, most of which lie in the same memory as the one before. */
export class Crc32 {
  readonly #words = new Words()

  of(bytes: Buffer, at: number, end: number): number {
    if (end - at >= LONG) return crc32(bytes.subarray(at, end))
    const words = this.#words.of(bytes)
    let sum = -1
    let i = at
    for (const last = end - 7; i < last; i += 8) {
      const low = sum ^ words.getInt32(i, true)
      const high = words.getInt32(i + 4, true)
      sum =
        T7[low & 0xff]! ^
        T6[(low >>> 8) & 0xff]! ^
        T5[(low >>> 16) & 0xff]! ^
        T4[low >>> 24]! ^
        T3[high & 0xff]! ^
        T2[(high >>> 8) & 0xff]! ^
        T1[(high >>> 16) & 0xff]! ^
        T0[high >>> 24]!
    }
    for (; i < end; i++) sum = T0[(sum ^ bytes[i]!) & 0xff]! ^ (sum >>> 8)
    return ~sum >>> 0
  }
}
