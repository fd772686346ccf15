import { readU32LE } from '../../record/cells.ts'
import { At, EntryKind, HEADER, LONG } from '../../record/layout.ts'
import { checkEntry } from '../../record/slice.ts'
import { damaged } from './failures.ts'
import type { File } from './fs.ts'

const WINDOW = 64 * 1024
/** Header, 64-bit length and the first number of the body. */
const HEAD = HEADER + 8 + 8

/** What an entry's header says. The object is used again. */
export interface EntryHead {
  kind: number
  flags: number
  delta: number
  table: number
  /** Bytes of the entry. */
  length: number
  /** Of a transaction's header: when it was committed, microseconds since 1970. */
  commitTime: bigint
}

/**
 * Shows the headers of the entries between two places of a segment, one after the other, without reading what large ones
 * hold. No checksum is looked at, so this is for figures, not for data.
 */
export async function walkHeads(
  file: Pick<File, 'read'>,
  path: string,
  from: number,
  to: number,
  visit: (head: EntryHead) => void,
): Promise<void> {
  const window = Buffer.allocUnsafe(WINDOW)
  let windowAt = 0
  let windowLength = 0
  const head: EntryHead = { kind: 0, flags: 0, delta: 0, table: 0, length: 0, commitTime: 0n }
  for (let at = from; at < to; at += head.length) {
    const needed = Math.min(HEAD, to - at)
    if (at < windowAt || at + needed > windowAt + windowLength) {
      windowAt = at
      windowLength = await file.read(window.subarray(0, Math.min(WINDOW, to - at)), at)
    }
    const place = at - windowAt
    if (needed < HEADER || place + needed > windowLength) throw damaged(path, at, 'an entry is cut')
    const short = readU32LE(window, place + At.length)
    const bodyAt = place + HEADER + (short === LONG ? 8 : 0)
    head.kind = window[place + At.kind]!
    head.flags = window[place + At.flags]!
    head.delta = readU32LE(window, place + At.delta)
    head.table = readU32LE(window, place + At.table)
    head.length = short === LONG ? Number(window.readBigUInt64LE(place + HEADER)) : short
    if (head.length < HEADER || at + head.length > to) throw damaged(path, at, 'an entry is cut')
    checkEntry(head.kind, head.flags, at)
    head.commitTime = head.kind === EntryKind.transaction ? window.readBigInt64LE(bodyAt) : 0n
    visit(head)
  }
}
