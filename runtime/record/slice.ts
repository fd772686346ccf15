import type { LogSlice } from '../contract.ts'
import { asBuffer, malformed, readU32LE } from './cells.ts'
import { At, CHANGE_KINDS, EntryKind, HEADER, KNOWN_FLAGS, LONG } from './layout.ts'

/** All entries of a chunk. */
export function wholeSlice(bytes: Uint8Array, base: number, appendTime: bigint): LogSlice {
  return { bytes, from: 0, to: bytes.length, transactionAt: -1, base, appendTime }
}

/**
 * The part of a slice behind the entry at `offset`; undefined if nothing is left. Walks the headers up to there.
 */
export function sliceAfter(slice: LogSlice, offset: number): LogSlice | undefined {
  const bytes = asBuffer(slice.bytes)
  let { transactionAt } = slice
  for (const entry of entries(slice)) {
    if (slice.base + bytes.readUInt32LE(entry.at + At.delta) > offset)
      return { ...slice, from: entry.at, transactionAt }
    if (entry.kind === EntryKind.transaction) transactionAt = entry.at
  }
  return undefined
}

/** The length of the entry at `at`, checked against `end`. */
export function entryLength(bytes: Buffer, at: number, end: number): number {
  if (at + HEADER > end) throw malformed('a cut entry', at)
  const short = readU32LE(bytes, at + At.length)
  if (short === LONG && at + HEADER + 8 > end) throw malformed('a cut entry', at)
  const length = short === LONG ? Number(bytes.readBigUInt64LE(at + HEADER)) : short
  if (length < (short === LONG ? HEADER + 8 : HEADER) || at + length > end) throw malformed('a cut entry', at)
  return length
}

/** Every entry of a slice, header checked: its position, its end and its kind byte. The object is reused. */
export function* entries(slice: LogSlice): Generator<{ at: number; end: number; kind: number }> {
  const bytes = asBuffer(slice.bytes)
  const entry = { at: 0, end: 0, kind: 0 }
  for (let at = slice.from; at < slice.to; at = entry.end) {
    entry.at = at
    entry.end = at + entryLength(bytes, at, slice.to)
    entry.kind = bytes[at + At.kind]!
    checkEntry(entry.kind, bytes[at + At.flags]!, at)
    yield entry
  }
}

export function countEntries(slice: LogSlice): number {
  let count = 0
  for (const _ of entries(slice)) count++
  return count
}

/** Throws at a kind or a flag that this version does not know. */
export function checkEntry(kind: number, flags: number, at: number): void {
  if ((flags & ~KNOWN_FLAGS) !== 0) throw malformed('an unknown flag', at)
  if (CHANGE_KINDS.has(kind) || kind === EntryKind.transaction) return
  if (kind !== EntryKind.unitEnd && kind !== EntryKind.heartbeat) throw malformed(`an unknown kind ${kind}`, at)
}
