/** A record that was found, and the header of its transaction (0 bytes: none), not read yet. */
export interface FoundRecord {
  readonly headerLength: number
  readonly length: number
  /** What the record's delta counts from. */
  readonly base: number
  /** Microseconds since 1970. */
  readonly appendTime: number
  /** Puts the header and, behind it, the record there. Only until the next one is looked for. */
  copy(into: Buffer, to: number): void
}
