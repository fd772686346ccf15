import { malformed, readU32BE, readU32LE, readU64BE } from './cells.ts'
import { At, Flag, HEADER, LONG } from './layout.ts'

/** Where the parts of a change's body stand in its bytes (layout.ts). */
export interface EntryParts {
  /** The other key of a primary-key change, behind its length; -1: none. */
  movedAt: number
  movedEnd: number
  keyAt: number
  keyEnd: number
  /** Cells of the row before; -1: none. */
  beforeAt: number
  beforeEnd: number
  /** Cells, up to the end of the entry. */
  cellsAt: number
}

export function newParts(): EntryParts {
  return { movedAt: -1, movedEnd: -1, keyAt: 0, keyEnd: 0, beforeAt: -1, beforeEnd: -1, cellsAt: 0 }
}

/** Behind the header of the entry at `at`. */
export function bodyAt(bytes: Uint8Array, at: number): number {
  return at + HEADER + (readU32LE(bytes, at + At.length) === LONG ? 8 : 0)
}

/** Finds the parts of the change from `entryAt` to `end` without looking into its cells. Throws RECORD_MALFORMED. */
export function findParts(bytes: Uint8Array, entryAt: number, end: number, parts: EntryParts): void {
  const flags = bytes[entryAt + At.flags]!
  const keyLength = readU32LE(bytes, entryAt + At.keyLength)
  let at = bodyAt(bytes, entryAt)
  parts.movedAt = -1
  if ((flags & Flag.moved) !== 0) {
    parts.movedAt = at + 4
    at += 4 + readU32BE(bytes, at)
    parts.movedEnd = at
  }
  if ((flags & Flag.key) !== 0) {
    parts.keyAt = at
    at += keyLength
    parts.keyEnd = at
  }
  parts.beforeAt = -1
  if ((flags & Flag.before) !== 0) {
    parts.beforeAt = at + 8
    at += 8 + readU64BE(bytes, at)
    parts.beforeEnd = at
  }
  if ((flags & Flag.key) === 0) {
    parts.keyAt = at + bytes[entryAt + At.keyAt]! + (bytes[entryAt + At.keyAt + 1]! << 8)
    parts.keyEnd = parts.keyAt + keyLength
  }
  if (at > end || parts.keyEnd > end) throw malformed('a cut change', entryAt)
  parts.cellsAt = at
}
