/** Which offsets of a range hold the newest change of a key: one bit for each. */
export class LiveOffsets {
  /** First offset of the range, and the one behind its last. */
  readonly from: number
  readonly to: number
  readonly bits: Uint8Array<ArrayBuffer>

  constructor(from: number, to: number, bits = new Uint8Array(Math.ceil((to - from) / 8))) {
    this.from = from
    this.to = to
    this.bits = bits
  }

  /** Offsets beyond the range are passed over. */
  add(offset: number): void {
    if (offset < this.from || offset >= this.to) return
    const place = offset - this.from
    // No shift: places may take more than 32 bits.
    const byte = Math.floor(place / 8)
    this.bits[byte]! |= 1 << (place % 8)
  }

  has(offset: number): boolean {
    const place = offset - this.from
    return (this.bits[Math.floor(place / 8)]! & (1 << (place % 8))) !== 0
  }
}

/** A table's life, as the index knows it. */
export interface LifeState {
  /** Name of the table. */
  readonly table: string
  readonly incarnation: number
  /** The table lives no later life. */
  readonly isNewest: boolean
  /** Offset of its last truncate; what lies below is gone. 0: there was none. */
  readonly floor: number
}

/** What the index says of all that is durable: which changes of a range are needed. */
export interface Liveness {
  readonly offsets: LiveOffsets
  readonly lives: readonly LifeState[]
}
