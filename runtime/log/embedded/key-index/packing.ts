import type { Table } from '../../../contract.ts'

/** Keys and records on their way between threads: many in one piece of memory, because each piece costs. */

export interface KeyRequest {
  readonly table: string
  readonly incarnation: number
  readonly key: Uint8Array
}

export interface PackedKeys {
  readonly tables: readonly Pick<KeyRequest, 'table' | 'incarnation'>[]
  /** Which of them, of each key. */
  readonly of: Uint32Array
  readonly bytes: Uint8Array
  /** Where each key ends. */
  readonly ends: Uint32Array
}

export function packKeys(requests: readonly { readonly table: Table; readonly key: Uint8Array }[]): PackedKeys {
  const tables: Pick<KeyRequest, 'table' | 'incarnation'>[] = []
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
