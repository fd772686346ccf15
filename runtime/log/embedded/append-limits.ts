export interface AppendLimits {
  /** A new segment begins where a chunk would make one larger. */
  readonly segmentBytes: number
  /** Appends wait where they would make the log larger. */
  readonly maxBytes: number
  /** A checkpoint is written each time the log has grown by this. */
  readonly checkpointBytes: number
  /** A unit up to this size is kept in memory for the readers that wait for its end; of a larger one nothing is. */
  readonly ringBytes: number
}
