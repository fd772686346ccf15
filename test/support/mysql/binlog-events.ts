/** Events of the binary log, as a server writes them. Numbers are little-endian. */
import { crc32, deflateSync } from 'node:zlib'
import { EventType } from '../../../connectors/mysql/binlog/event-types.ts'

export const u8 = (value: number): Buffer => Buffer.from([value])
export const uint = (value: number | bigint, size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  let rest = BigInt.asUintN(64, BigInt(value))
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
  return bytes
}
export const u16 = (value: number): Buffer => uint(value, 2)
export const u32 = (value: number): Buffer => uint(value, 4)
export const u64 = (value: number | bigint): Buffer => uint(value, 8)

export function packed(value: number | bigint): Buffer {
  if (value < 251) return uint(value, 1)
  if (value <= 0xffff) return Buffer.concat([u8(252), uint(value, 2)])
  if (value <= 0xff_ffff) return Buffer.concat([u8(253), uint(value, 3)])
  return Buffer.concat([u8(254), uint(value, 8)])
}

/** Bytes behind their packed length. */
export const sized = (content: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(content as string)
  return Buffer.concat([packed(bytes.length), bytes])
}

/** Packed type, length and value. */
export const field = (type: number, value: Uint8Array): Buffer => Buffer.concat([packed(type), sized(value)])

export interface HeaderFields {
  readonly flags?: number
  readonly position?: number
  readonly server?: number
  readonly time?: number
  /** Without: the event has no checksum. */
  readonly checksum?: boolean
}

export function event(type: number, body: Uint8Array, fields: HeaderFields = {}): Buffer {
  const { checksum = true, time = 1_700_000_000, server = 1, position = 0, flags = 0 } = fields
  const size = 19 + body.length + (checksum ? 4 : 0)
  const content = Buffer.concat([u32(time), u8(type), u32(server), u32(size), u32(position), u16(flags), body])
  return checksum ? Buffer.concat([content, u32(crc32(content))]) : content
}

export function formatDescription(version = '9.7.4', checksum: 0 | 1 = 1, flags = 0): Buffer {
  const name = Buffer.alloc(50)
  name.write(version)
  const lengths = Buffer.alloc(42, 1)
  const body = Buffer.concat([u16(4), name, u32(0), u8(19), lengths, u8(checksum)])
  return event(EventType.formatDescription, body, { flags })
}

export function rotate(file: string, position = 4n, fields?: HeaderFields): Buffer {
  return event(EventType.rotate, Buffer.concat([u64(position), Buffer.from(file)]), fields)
}

export function query(database: string, text: string | Uint8Array, status: Uint8Array = Buffer.alloc(0)): Buffer {
  return event(EventType.query, queryBody(database, text, status))
}

export function queryBody(database: string, text: string | Uint8Array, status: Uint8Array): Buffer {
  const head = [u32(9), u32(0), u8(Buffer.byteLength(database)), u16(0), u16(status.length)]
  return Buffer.concat([...head, status, Buffer.from(`${database}\0`), Buffer.from(text as string)])
}

export interface Column {
  readonly type: number
  /** As the event has it. */
  readonly meta?: Uint8Array
  readonly nullable?: boolean
}

export function tableMap(
  tableId: number,
  table: string,
  columns: readonly Column[],
  metadata: readonly Uint8Array[] = [],
): Buffer {
  const metas = Buffer.concat(columns.map(({ meta }) => meta ?? Buffer.alloc(0)))
  const parts = [uint(tableId, 6), u16(1), sized('shop'), u8(0), sized(table), u8(0), packed(columns.length)]
  parts.push(
    Buffer.from(columns.map(({ type }) => type)),
    sized(metas),
    bitmap(columns.map(one => one.nullable ?? true)),
  )
  return event(EventType.tableMap, Buffer.concat([...parts, ...metadata]))
}

/** From the lowest bit on. */
export function bitmap(bits: readonly boolean[]): Buffer {
  const bytes = Buffer.alloc((bits.length + 7) >> 3)
  for (const [i, bit] of bits.entries()) if (bit) bytes[i >> 3]! |= 1 << (i & 7)
  return bytes
}

/** From the highest bit on. */
export function highBitmap(bits: readonly boolean[]): Buffer {
  const bytes = Buffer.alloc((bits.length + 7) >> 3)
  for (const [i, bit] of bits.entries()) if (bit) bytes[i >> 3]! |= 0x80 >> (i & 7)
  return bytes
}

/** A value as it stands in a row, null, or undefined where the image does not have it. */
export type RowValue = Uint8Array | null | undefined

export function image(values: readonly RowValue[]): Buffer {
  const present = values.filter(value => value !== undefined)
  return Buffer.concat([bitmap(present.map(value => value === null)), ...present.filter(value => value !== null)])
}

/** Of a type with extra data. `images`: the columns that each kind of image has. */
export function rows(
  type: number,
  tableId: number,
  columns: number,
  images: readonly (readonly boolean[])[],
  content: Uint8Array,
  extra: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = [uint(tableId, 6), u16(1), u16(2 + extra.length), extra, packed(columns)]
  return event(type, Buffer.concat([...head, ...images.map(bitmap), content]))
}

/** Of version 1: without extra data. */
export function rowsV1(
  type: number,
  tableId: number,
  columns: number,
  images: readonly (readonly boolean[])[],
  content: Uint8Array,
): Buffer {
  return event(type, Buffer.concat([uint(tableId, 6), u16(1), packed(columns), ...images.map(bitmap), content]))
}

/** As MariaDB compresses. */
export function compressed(content: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([u8(0x84), length, deflateSync(content)])
}

/** One packet, or several when it is long. */
export function packets(content: Uint8Array, sequence: number): Buffer[] {
  const all: Buffer[] = []
  for (let at = 0; ; at += 0xff_ffff) {
    const part = content.subarray(at, at + 0xff_ffff)
    all.push(Buffer.concat([uint(part.length, 3), u8((sequence + all.length) & 0xff), part]))
    if (part.length < 0xff_ffff) return all
  }
}
