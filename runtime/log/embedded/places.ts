import type { Place } from './scan.ts'

/** A place where a chunk begins that is known to be sound. */
export interface KnownPlace extends Place {
  /** Offset of the first entry that follows. */
  readonly offset: number
  /** Changes in the segment before it. */
  readonly records: number
}

const FIRST_SPACING = 1024 * 1024
const MOST_PLACES = 8192

/** A sparse map from offsets to places, so that nobody walks a whole segment to find a cursor. */
export class Places {
  #places: KnownPlace[] = []
  #spacing = FIRST_SPACING

  /** Remembers the place unless another lies close before or behind it. */
  note(place: KnownPlace): void {
    const at = this.#behind(place.offset)
    const near = (other: KnownPlace | undefined): boolean =>
      other?.segment === place.segment && Math.abs(other.at - place.at) < this.#spacing
    if (near(this.#places[at - 1]) || near(this.#places[at])) return
    this.#places.splice(at, 0, place)
    if (this.#places.length <= MOST_PLACES) return
    this.#places = this.#places.filter((_, i) => i % 2 === 0)
    this.#spacing *= 2
  }

  /** The segment is another file now. */
  forget(segment: number): void {
    this.#places = this.#places.filter(place => place.segment !== segment)
  }

  /** The last known place in this segment at or before the offset. */
  floor(segment: number, offset: number): KnownPlace | undefined {
    const place = this.#places[this.#behind(offset) - 1]
    return place?.segment === segment ? place : undefined
  }

  /** Index of the first place beyond the offset. */
  #behind(offset: number): number {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#places[middle]!.offset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
