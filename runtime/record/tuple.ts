/** A run of cells: a tuple of the table it is written with. */
export interface Tuple {
  readonly bytes: Uint8Array
  readonly at: number
  readonly end: number
}
