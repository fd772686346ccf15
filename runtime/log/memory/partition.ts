import type { Batch, LogSlice, Table } from '../../contract.ts'
import { changes } from '../../record/batch.ts'
import { asBuffer } from '../../record/cells.ts'
import { keyHash } from '../../record/key.ts'
import { At, EntryKind, Flag, HEADER } from '../../record/layout.ts'
import { entries, wholeSlice } from '../../record/slice.ts'

export const PARTITIONS = 3

/** One partition of one table: chunks of their own, with offsets of their own. */
export class Partition {
  readonly slices: LogSlice[] = []
  readonly #live = new Map<string, Uint8Array>()
  #parts: Buffer[] = []
  #entries = 0
  #next = 1
  #header: Buffer | undefined

  get last(): number {
    return this.#next - 1
  }

  /** Copies an entry of a batch, behind its transaction's header. */
  add(entry: Buffer, header: Buffer | undefined, key: Uint8Array | undefined): void {
    if (header !== undefined && header !== this.#header) {
      this.#copy(header)
      this.#header = header
    }
    this.#copy(entry)
    if (key === undefined || key.length === 0) return
    const name = Buffer.from(key).toString('latin1')
    if (entry[At.kind] === EntryKind.delete) this.#live.delete(name)
    else this.#live.set(name, Buffer.from(key))
  }

  /** A compacted log cannot hold a truncate: it becomes the delete of each live key. */
  truncate(table: Table, header: Buffer | undefined): void {
    for (const key of [...this.#live.values()]) {
      const entry = Buffer.alloc(HEADER + key.length)
      entry.writeUInt32LE(entry.length, At.length)
      entry[At.kind] = EntryKind.delete
      entry[At.flags] = Flag.complete | Flag.key
      entry.writeUInt32LE(table.id, At.table)
      entry.writeUInt32LE(key.length, At.keyLength)
      entry.set(key, HEADER)
      this.add(entry, header, key)
    }
  }

  /** What was added becomes visible. */
  publish(appendTime: bigint): void {
    if (this.#entries === 0) return
    this.slices.push(wholeSlice(Buffer.concat(this.#parts), this.#next, appendTime))
    this.#next += this.#entries
    this.discard()
  }

  /** What was added since the last publish is dropped. */
  discard(): void {
    this.#parts = []
    this.#entries = 0
    this.#header = undefined
  }

  #copy(entry: Buffer): void {
    const copy = Buffer.from(entry)
    copy.writeUInt32LE(this.#entries++, At.delta)
    this.#parts.push(copy)
  }
}

/** Deals a batch out to the partitions of its tables; `of` answers those of a table. */
export function deal(batch: Batch, of: (table: Table) => readonly Partition[]): void {
  const slice = wholeSlice(batch.bytes, 0, 0n)
  const bytes = asBuffer(batch.bytes)
  const views = changes([slice], batch.registry, undefined, () => {
    throw new Error('a source batch has no cursors')
  })
  let header: Buffer | undefined
  for (const { at, end, kind } of entries(slice)) {
    const entry = bytes.subarray(at, end)
    if (kind === EntryKind.transaction) {
      header = entry
      continue
    }
    if (kind === EntryKind.unitEnd || kind === EntryKind.heartbeat) continue
    const view = views.next().value!
    const partitions = of(view.table)
    if (kind === EntryKind.schema) for (const partition of partitions) partition.add(entry, undefined, undefined)
    else if (kind === EntryKind.truncate) for (const partition of partitions) partition.truncate(view.table, header)
    else partitions[keyHash(view.key) % PARTITIONS]!.add(entry, header, view.key)
  }
}
