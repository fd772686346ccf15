import { unreadableGtids } from './gtid-error.ts'
import { Intervals } from './intervals.ts'

/**
 * Which transactions of MySQL, by origin: the UUID of the server that committed first, in lower case, and since 8.3 a
 * tag, `uuid` or `uuid:tag` (`tsid`: what the server calls so). Under each their numbers, from 1 to 2^63 - 2.
 */
export class MysqlGtidSet {
  readonly #origins = new Map<string, Intervals>()
  #lastTsid = ''
  #last: Intervals | undefined

  get isEmpty(): boolean {
    return this.#origins.size === 0
  }

  /** `tsid` in the form above, as `formatUuid` and the parsers give it. */
  add(tsid: string, number: bigint): void {
    this.addRange(tsid, number, number)
  }

  /** From `first` to `last`, both inclusive. */
  addRange(tsid: string, first: bigint, last: bigint): void {
    if (tsid !== this.#lastTsid || this.#last === undefined) {
      this.#last = this.#ofOrigin(tsid)
      this.#lastTsid = tsid
    }
    this.#last.add(first, last)
  }

  addAll(other: MysqlGtidSet): void {
    for (const [tsid, numbers] of other.#origins)
      for (let i = 0; i < numbers.count; i++) this.addRange(tsid, numbers.first(i), numbers.last(i))
  }

  contains(tsid: string, number: bigint): boolean {
    return this.#origins.get(tsid)?.contains(number, number) ?? false
  }

  /** Whether each transaction of `other` is in this one. */
  includes(other: MysqlGtidSet): boolean {
    for (const [tsid, numbers] of other.#origins) if (this.#origins.get(tsid)?.includes(numbers) !== true) return false
    return true
  }

  equals(other: MysqlGtidSet): boolean {
    if (other.#origins.size !== this.#origins.size) return false
    for (const [tsid, numbers] of other.#origins) if (this.#origins.get(tsid)?.equals(numbers) !== true) return false
    return true
  }

  /** As the server prints it, without the line breaks: sorted, each UUID once, its tags behind it. */
  format(): string {
    let text = ''
    let before = ''
    for (const [tsid, numbers] of this.sorted()) {
      const uuid = tsid.slice(0, UUID_LENGTH)
      if (uuid === before) text += tsid.slice(UUID_LENGTH)
      else text += before === '' ? tsid : `,${tsid}`
      text += `:${numbers.format()}`
      before = uuid
    }
    return text
  }

  /** Sorted as the server sorts: a UUID alone before its tags. */
  sorted(): [string, Intervals][] {
    return [...this.#origins].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  #ofOrigin(tsid: string): Intervals {
    let numbers = this.#origins.get(tsid)
    if (numbers === undefined) {
      numbers = new Intervals()
      this.#origins.set(tsid, numbers)
    }
    return numbers
  }
}

/** Characters of a UUID in text. */
export const UUID_LENGTH = 36
/** No transaction has this number or a higher one. */
const NUMBERS_END = 0x7fff_ffff_ffff_ffffn

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TAG = /^[a-z_][a-z0-9_]{0,31}$/
const RANGE = /^([1-9]\d{0,18})(?:\s*-\s*(0|[1-9]\d{0,18}))?$/

/**
 * Reads `uuid:1-5:8,uuid:tag:1-9` and all that the server takes for a set of GTIDs: in any order, overlapping, with
 * blanks and line breaks, several tags behind one UUID, empty ranges. Throws GTID_UNREADABLE.
 */
export function parseGtidSet(text: string): MysqlGtidSet {
  const set = new MysqlGtidSet()
  for (const part of text.split(',')) {
    const [uuid, ...items] = part.split(':').map(item => item.trim().toLowerCase())
    if (uuid === '' && items.length === 0) continue
    if (!UUID.test(uuid!)) throw unreadableGtids('A set of GTIDs')
    let tsid = uuid!
    for (const item of items) {
      if (TAG.test(item)) tsid = `${uuid}:${item}`
      else addRange(set, tsid, item)
    }
  }
  return set
}

function addRange(set: MysqlGtidSet, tsid: string, item: string): void {
  const match = RANGE.exec(item)
  if (match === null) throw unreadableGtids('A set of GTIDs')
  const first = BigInt(match[1]!)
  const last = match[2] === undefined ? first : BigInt(match[2])
  if (first >= NUMBERS_END || last >= NUMBERS_END) throw unreadableGtids('A set of GTIDs')
  if (last >= first) set.addRange(tsid, first, last)
}
