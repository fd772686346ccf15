import { encodeCells, readU32BE } from '../../runtime/record/cells.ts'
import { CHUNK_BYTES } from '../common/load-writer.ts'
import type { LoadLane } from './load-lane.ts'
import type { RowTaker } from './select-rows.ts'

/** A chunk is full with this many rows, or CHUNK_BYTES. */
const CHUNK_ROWS = 10_000
/** Rows read of which few are wanted: a chunk's transaction stays short. */
const CHUNK_SCANNED = 200_000

/** The column count of a DataRow, and the length before each value. */
const HEAD = 2
const LENGTH = 4

/** Gives rows to a lane until the chunk is full; of what comes behind it, only where the first row stands. */
export class ChunkTaker implements RowTaker {
  readonly #lane: LoadLane
  /** Indexes of the key columns among those of a row. */
  readonly #key: readonly number[]
  #hasPlace = false
  #scanned = 0
  #next: Uint8Array | undefined
  /** Rows since `expect`. */
  came = 0

  constructor(lane: LoadLane, key: readonly number[]) {
    this.#lane = lane
    this.#key = key
  }

  /** The rows to come: as `Query.hasPlace` says. */
  expect(hasPlace: boolean): void {
    this.#hasPlace = hasPlace
    this.came = 0
  }

  get isFull(): boolean {
    return this.filled >= 1
  }

  /** How full the chunk is, at 1 full. */
  get filled(): number {
    const { size, rows } = this.#lane.units
    return Math.max(size / CHUNK_BYTES, rows / CHUNK_ROWS, this.#scanned / CHUNK_SCANNED)
  }

  /** The place of the first row that was not taken. */
  get next(): Uint8Array | undefined {
    return this.#next
  }

  /** How many more rows are likely to fit. */
  get room(): number {
    if (this.isFull) return 0
    const average = Math.max(1, this.#lane.units.size / Math.max(1, this.#scanned))
    return Math.max(1, Math.floor((CHUNK_BYTES - this.#lane.units.size) / average))
  }

  row(bytes: Buffer, at: number, end: number): void {
    this.came++
    if (this.isFull) {
      this.#next ??= this.#hasPlace ? Buffer.from(columnValue(bytes, at, 0)!) : this.#keyOf(bytes, at)
      return
    }
    this.#scanned++
    this.#lane.row(bytes, this.#hasPlace ? withoutFirst(bytes, at) : at, end)
  }

  pause(): undefined {
    return undefined
  }

  #keyOf(bytes: Buffer, at: number): Uint8Array {
    return encodeCells(this.#key.map(column => columnValue(bytes, at, column)))
  }
}

/** A value of a DataRow whose body stands at `at`, in place. */
function columnValue(bytes: Buffer, at: number, column: number): Buffer | null {
  let from = at + HEAD
  for (let i = 0; ; i++) {
    const length = readU32BE(bytes, from)
    from += LENGTH
    if (length === 0xffff_ffff) {
      if (i === column) return null
      continue
    }
    if (i === column) return bytes.subarray(from, from + length)
    from += length
  }
}

/** Where the body of the same row without its first column begins; what stood before it is overwritten. */
function withoutFirst(bytes: Buffer, at: number): number {
  const count = bytes.readUInt16BE(at) - 1
  const from = at + LENGTH + readU32BE(bytes, at + HEAD)
  bytes.writeUInt16BE(count, from)
  return from
}
