import type { Table, UnitEnd } from '../contract.ts'
import { malformed } from './cells.ts'

/** Bodies of the entries that hold definitions: transaction headers (B), and as JSON a Table (s) and a UnitEnd (e, h). */

export function encodeTable(table: Table): Buffer {
  return Buffer.from(JSON.stringify(table))
}

/** Frozen to the bottom, so that a Table can be shared by reference. */
export function decodeTable(bytes: Uint8Array): Table {
  const table = parse(bytes, 'a table definition')
  if (
    !isRecord(table) ||
    typeof table.id !== 'number' ||
    typeof table.name !== 'string' ||
    !Array.isArray(table.columns)
  )
    throw malformed('a table definition without id, name or columns', 0)
  return freeze(table as unknown as Table)
}

/** Body of a transaction header. */
export function encodeTransaction(id: string, position: string, commitTime: bigint): Buffer {
  const body = Buffer.allocUnsafe(16 + Buffer.byteLength(id) + Buffer.byteLength(position))
  body.writeBigInt64LE(commitTime, 0)
  let at = 8
  for (const text of [id, position]) {
    at = body.writeUInt32BE(Buffer.byteLength(text), at)
    at += body.write(text, at)
  }
  return body
}

export function encodeUnitEnd(end: UnitEnd): Buffer {
  return Buffer.from(JSON.stringify(end))
}

export function decodeUnitEnd(bytes: Uint8Array): UnitEnd {
  const end = parse(bytes, 'a unit end')
  if (!isRecord(end) || typeof end.lane !== 'string') throw malformed('a unit end without lane', 0)
  return end as unknown as UnitEnd
}

export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) freeze(part)
  }
  return value
}

function parse(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
  } catch {
    throw malformed(`${what} that is not JSON`, 0)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
