import type { Table } from '../../../contract.ts'

/** Keys and records on their way between threads: many in one piece of memory, because each piece costs. */

/** One life of a table. */
export interface TableLife {
  readonly table: string
  readonly incarnation: number
}

export interface KeyRequest extends TableLife {
  readonly key: Uint8Array
}

export interface PackedKeys {
  readonly tables: readonly TableLife[]
  /** Which of them, of each key. */
  readonly of: Uint32Array
  readonly bytes: Uint8Array
  /** Where each key ends. */
  readonly ends: Uint32Array
}

export function packKeys(requests: readonly { readonly table: Table; readonly key: Uint8Array }[]): PackedKeys {
  const tables: TableLife[] = []
  const numbers = new Map<Table, number>()
  const of = new Uint32Array(requests.length)
  const ends = new Uint32Array(requests.length)
  const bytes = new Uint8Array(requests.reduce((size, { key }) => size + key.length, 0))
  let at = 0
  for (const [i, { table, key }] of requests.entries()) {
    let number = numbers.get(table)
    if (number === undefined) {
      number = tables.push({ table: table.name, incarnation: table.incarnation }) - 1
      numbers.set(table, number)
    }
    of[i] = number
    bytes.set(key, at)
    at += key.length
    ends[i] = at
  }
  return { tables, of, bytes, ends }
}

export function unpackKey({ tables, of, bytes, ends }: PackedKeys, i: number): KeyRequest {
  return { ...tables[of[i]!]!, key: bytes.subarray(i === 0 ? 0 : ends[i - 1]!, ends[i]!) }
}

/** One record of the log; from `from` to `at` its transaction's header. */
export interface LogRecord {
  readonly bytes: Uint8Array
  readonly from: number
  readonly at: number
  readonly to: number
  /** What the record's delta counts from. */
  readonly base: number
  /** Microseconds since 1970. */
  readonly appendTime: number
}

/** The same without the bytes, which lie with those of others. */
export type PackedRecord = Omit<LogRecord, 'bytes'>

const FIRST_BYTES = 64 * 1024

/** Memory that fills with records and is then handed over. */
export class RecordPacker {
  bytes: Buffer<ArrayBuffer> = Buffer.alloc(0)
  at = 0

  /** Sees to it that there is room for so many bytes at `at`. */
  reserve(length: number): void {
    if (this.at + length <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.bytes.length, this.at + length))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
  }
}

/** Runs of bytes, one behind the other. */
export interface PackedRuns {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where each ends. */
  readonly ends: Uint32Array<ArrayBuffer>
}

export class RunPacker {
  readonly #ends: Uint32Array<ArrayBuffer>
  #bytes = new Uint8Array(FIRST_BYTES)
  #at = 0
  #count = 0

  /** Takes at most `most` runs. */
  constructor(most: number) {
    this.#ends = new Uint32Array(most)
  }

  get count(): number {
    return this.#count
  }

  /** The bytes from `from` to `to`. */
  add(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from
    if (this.#at + length > this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#bytes.length + length)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    for (let i = from; i < to; i++) this.#bytes[this.#at++] = bytes[i]!
    this.#ends[this.#count++] = this.#at
  }

  packed(): PackedRuns {
    return { bytes: this.#bytes.slice(0, this.#at), ends: this.#ends.slice(0, this.#count) }
  }
}

/** A view. */
export function runAt({ bytes, ends }: PackedRuns, i: number): Uint8Array {
  return bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i])
}
