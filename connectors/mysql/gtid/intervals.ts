/** Numbers of transactions, as a list of ranges that neither overlap nor touch, in order. */
export class Intervals {
  /** First and last number of each range, both inclusive. */
  #bounds = new BigInt64Array(2)
  /** How many of `#bounds` are in use. */
  #used = 0
  /** The text up to the last range; undefined when it has to be made anew. */
  #head: string | undefined

  get count(): number {
    return this.#used / 2
  }

  first(range: number): bigint {
    return this.#bounds[2 * range]!
  }

  last(range: number): bigint {
    return this.#bounds[2 * range + 1]!
  }

  /** Adds `from` to `to`, both inclusive. Costs nothing when they follow on the last range. */
  add(from: bigint, to: bigint): void {
    const used = this.#used
    if (used > 0 && this.#bounds[used - 1]! + 1n === from) {
      this.#bounds[used - 1] = to
      return
    }
    this.#head = undefined
    const begin = this.#reaching(from - 1n)
    let end = begin
    while (end < this.count && this.first(end) <= to + 1n) end++
    if (begin === end) {
      this.#insert(begin)
      this.#bounds[2 * begin] = from
      this.#bounds[2 * begin + 1] = to
      return
    }
    if (this.first(begin) > from) this.#bounds[2 * begin] = from
    const last = this.last(end - 1)
    this.#bounds[2 * begin + 1] = last > to ? last : to
    this.#bounds.copyWithin(2 * begin + 2, 2 * end, this.#used)
    this.#used -= 2 * (end - begin - 1)
  }

  /** Whether all of `from` to `to` are in it. */
  contains(from: bigint, to: bigint): boolean {
    const range = this.#reaching(from)
    return range < this.count && this.first(range) <= from && this.last(range) >= to
  }

  includes(other: Intervals): boolean {
    for (let i = 0; i < other.count; i++) if (!this.contains(other.first(i), other.last(i))) return false
    return true
  }

  equals(other: Intervals): boolean {
    if (other.#used !== this.#used) return false
    for (let i = 0; i < this.#used; i++) if (this.#bounds[i] !== other.#bounds[i]) return false
    return true
  }

  /** `1-5:8`. Only the last range is printed anew when nothing else has changed. */
  format(): string {
    const last = this.count - 1
    this.#head ??= this.#formatUpTo(last)
    return this.#head + this.#formatRange(last)
  }

  #formatUpTo(end: number): string {
    let text = ''
    for (let i = 0; i < end; i++) text += `${this.#formatRange(i)}:`
    return text
  }

  #formatRange(range: number): string {
    const first = this.first(range)
    const last = this.last(range)
    return first === last ? `${first}` : `${first}-${last}`
  }

  /** The first range whose last number is `number` or above. */
  #reaching(number: bigint): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.last(middle) < number) low = middle + 1
      else high = middle
    }
    return low
  }

  #insert(range: number): void {
    if (this.#used === this.#bounds.length) {
      const larger = new BigInt64Array(2 * this.#bounds.length)
      larger.set(this.#bounds)
      this.#bounds = larger
    }
    this.#bounds.copyWithin(2 * range + 2, 2 * range, this.#used)
    this.#used += 2
  }
}
