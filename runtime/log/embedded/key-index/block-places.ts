import { CHUNK_HEADER } from '../chunk.ts'
import { BLOCK, blockKey, PLACE_BYTES, PLACE_SIZE, writePlace } from './layout.ts'
import type { Store, StoreBatch } from './store.ts'
import type { TrailChunk } from './trail.ts'

/** The places of the entries that pass by, so close to each other that a record is found in one short read. */
export class BlockPlaces {
  readonly #block = Buffer.alloc(BLOCK * PLACE_SIZE)
  #length = 0
  #number = -1
  #isStored = true
  /** The newest place. */
  #segment = 0
  #entryAt = 0

  /** `last`: the offset behind which entries come; 0: none. */
  constructor(store: Store, last: number) {
    const known = last === 0 ? undefined : store.get(blockKey(last))
    if (known === undefined) return
    this.#length = known.copy(this.#block)
    this.#number = Math.floor(last / BLOCK)
  }

  /** An entry of the chunk, and the header of its transaction (-1: none), by their places in the payload. */
  note(batch: StoreBatch, { segment, at }: TrailChunk, offset: number, entry: number, header: number): void {
    const number = Math.floor(offset / BLOCK)
    const payloadAt = at + CHUNK_HEADER
    const entryAt = payloadAt + entry
    const isNear = segment === this.#segment && entryAt - this.#entryAt < PLACE_BYTES
    if (number === this.#number && isNear) return
    if (number !== this.#number) {
      this.write(batch)
      this.#number = number
      this.#length = 0
    }
    const headerAt = header === -1 ? 0 : payloadAt + header
    writePlace(this.#block, this.#length, offset, { segment, chunkAt: at, entryAt, headerAt })
    this.#length += PLACE_SIZE
    this.#segment = segment
    this.#entryAt = entryAt
    this.#isStored = false
  }

  /** Adds what is not stored yet to the batch. */
  write(batch: StoreBatch): void {
    if (this.#isStored) return
    batch.put(blockKey(this.#number * BLOCK), this.#block.subarray(0, this.#length))
    this.#isStored = true
  }
}
