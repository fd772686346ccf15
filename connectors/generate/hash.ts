/** Three numbers (each a whole one up to 2^53) to 31 well mixed bits: small enough for integer arithmetic. */
export function hash(a: number, b: number, c: number): number {
  let h = Math.imul(a ^ 0x9e37_79b9, 0x85eb_ca6b)
  h = Math.imul(h ^ (b | 0) ^ (h >>> 15), 0xc2b2_ae35)
  h = Math.imul(h ^ (b / 0x1_0000_0000) ^ (h >>> 13), 0x27d4_eb2f)
  h = Math.imul(h ^ (c | 0) ^ (h >>> 15), 0x85eb_ca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2_ae35)
  return (h ^ (h >>> 16)) >>> 1
}
