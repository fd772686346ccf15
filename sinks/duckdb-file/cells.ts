import { intervalOf } from '../common/times.ts'
import {
  decimal,
  type Encode,
  encodeBoolean,
  encodeDate,
  encodeInt64,
  encodeTime,
  encodeTimestamp,
  encodeUint64,
  type FixedForm,
  float,
  smallInteger,
  textOf,
} from '../common/value-bytes.ts'
import type { Storage } from './storage.ts'

/** Values as DuckDB holds them in memory. https://duckdb.org/docs/stable/clients/c/vector */
export function fixedForm(
  storage: Exclude<Storage, { kind: 'list' } | { kind: 'blob' | 'varchar' | 'json' }>,
): FixedForm {
  switch (storage.kind) {
    case 'boolean':
      return { bytes: 1, encode: encodeBoolean }
    case 'int16':
    case 'int32':
      return { bytes: storage.kind === 'int16' ? 2 : 4, encode: smallInteger(storage.kind) }
    case 'int64':
      return { bytes: 8, encode: encodeInt64 }
    case 'uint64':
      return { bytes: 8, encode: encodeUint64 }
    case 'float32':
    case 'float64':
      return { bytes: storage.kind === 'float32' ? 4 : 8, encode: float(storage.kind) }
    case 'decimal':
      return decimal(decimalSize(storage.width), storage.width, storage.scale)
    case 'date':
      return { bytes: 4, encode: encodeDate }
    case 'time':
      return { bytes: 8, encode: encodeTime }
    case 'timestamp':
    case 'timestamptz':
      return { bytes: 8, encode: encodeTimestamp }
    case 'interval':
      return { bytes: 16, encode: encodeInterval }
    case 'uuid':
      return { bytes: 16, encode: encodeUuid }
  }
}

function decimalSize(width: number): number {
  return width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16
}

const encodeInterval: Encode = (bytes, from, to, into, at) => {
  const interval = intervalOf(textOf(bytes, from, to))
  if (interval === undefined) return false
  into.setInt32(at, interval.months, true)
  into.setInt32(at + 4, interval.days, true)
  into.setBigInt64(at + 8, interval.micros, true)
  return true
}

/** 128 bits whose first is turned over, so that they sort as integers do. */
const encodeUuid: Encode = (bytes, from, to, into, at) => {
  const hex = textOf(bytes, from, to).replaceAll('-', '')
  if (!/^[0-9a-f]{32}$/.test(hex)) return false
  into.setBigUint64(at, BigInt(`0x${hex.slice(16)}`), true)
  into.setBigUint64(at + 8, BigInt(`0x${hex.slice(0, 16)}`) ^ (1n << 63n), true)
  return true
}
