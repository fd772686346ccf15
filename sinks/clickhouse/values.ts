import {
  decimal,
  type Encode,
  encodeBoolean,
  encodeDate,
  encodeInt64,
  encodeTimestamp,
  encodeUint64,
  type FixedForm,
  float,
  smallInteger,
  textOf,
} from '../common/value-bytes.ts'
import type { Storage } from './storage.ts'

/** Values of one size in RowBinary. https://clickhouse.com/docs/interfaces/formats/RowBinary */
export type FixedStorage = Exclude<Storage, { kind: 'array' } | { kind: 'bytes' | 'text' }>

export function isFixed(storage: Storage): storage is FixedStorage {
  return storage.kind !== 'array' && storage.kind !== 'bytes' && storage.kind !== 'text'
}

/** Days and microseconds since 1970 of what Date32 and DateTime64 hold: 1900-01-01 to 2299-12-31. */
const FIRST_DAY = -25_567
const LAST_DAY = 120_529
const DAY_US = 86_400_000_000n

export function fixedForm(storage: FixedStorage): FixedForm {
  const bytes = fixedSize(storage)
  switch (storage.kind) {
    case 'boolean':
      return { bytes, encode: encodeBoolean }
    case 'int16':
    case 'int32':
      return { bytes, encode: smallInteger(storage.kind) }
    case 'int64':
      return { bytes, encode: encodeInt64 }
    case 'uint64':
      return { bytes, encode: encodeUint64 }
    case 'float32':
    case 'float64':
      return { bytes, encode: float(storage.kind) }
    case 'decimal':
      return decimal(bytes, storage.width, storage.scale)
    case 'date':
      return { bytes, encode: heldDate }
    case 'timestamp':
    case 'timestamptz':
      return { bytes, encode: heldTimestamp }
    case 'uuid':
      return { bytes, encode: encodeUuid }
  }
}

const SIZES: Readonly<Record<Exclude<FixedStorage['kind'], 'decimal'>, number>> = {
  boolean: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
  date: 4,
  timestamp: 8,
  timestamptz: 8,
  uuid: 16,
}

export function fixedSize(storage: FixedStorage): number {
  return storage.kind === 'decimal' ? decimalSize(storage.width) : SIZES[storage.kind]
}

export function decimalSize(width: number): number {
  return width <= 9 ? 4 : width <= 18 ? 8 : width <= 38 ? 16 : 32
}

const heldDate: Encode = (bytes, from, to, into, at) => {
  if (!encodeDate(bytes, from, to, into, at)) return false
  const days = into.getInt32(at, true)
  return days >= FIRST_DAY && days <= LAST_DAY
}

const FIRST_HIGH = Math.floor(Number((BigInt(FIRST_DAY) * DAY_US) >> 32n))
const LAST_HIGH = Number((BigInt(LAST_DAY + 1) * DAY_US) >> 32n)

const heldTimestamp: Encode = (bytes, from, to, into, at) => {
  if (!encodeTimestamp(bytes, from, to, into, at)) return false
  // Most are far from the bounds, which the upper half tells.
  const high = into.getInt32(at + 4, true)
  if (high > FIRST_HIGH && high < LAST_HIGH) return true
  const micros = into.getBigInt64(at, true)
  return micros >= BigInt(FIRST_DAY) * DAY_US && micros < BigInt(LAST_DAY + 1) * DAY_US
}

/** Two halves, the upper one first. */
const encodeUuid: Encode = (bytes, from, to, into, at) => {
  const hex = textOf(bytes, from, to).replaceAll('-', '')
  if (!/^[0-9a-f]{32}$/.test(hex)) return false
  into.setBigUint64(at, BigInt(`0x${hex.slice(0, 16)}`), true)
  into.setBigUint64(at + 8, BigInt(`0x${hex.slice(16)}`), true)
  return true
}
