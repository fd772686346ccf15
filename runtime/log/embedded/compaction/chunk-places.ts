/**
 * Where the chunks of a compacted segment stand, in its last chunk: for each its base and its byte in the file, 48 bits
 * each, little-endian, in the log's order.
 */
const PLACE = 12

/** Grows with the chunks of a segment. */
export class ChunkPlaces {
  #bytes = Buffer.alloc(64 * PLACE)
  #length = 0

  add(base: number, at: number): void {
    if (this.#length === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * this.#bytes.length)
    this.#bytes.writeUIntLE(base, this.#length, 6)
    this.#bytes.writeUIntLE(at, this.#length + 6, 6)
    this.#length += PLACE
  }

  payload(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** Where the last chunk stands that begins at or before the offset. */
export function chunkBefore(places: Buffer, offset: number): number {
  let low = 0
  let high = places.length / PLACE - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (places.readUIntLE(middle * PLACE, 6) <= offset) low = middle
    else high = middle - 1
  }
  return places.readUIntLE(low * PLACE + 6, 6)
}
