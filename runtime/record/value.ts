import type { LogicalType } from '../contract.ts'
import { type ArrayValue, parseArray } from './array.ts'
import { isoDate, isoTime, isoTimestamp } from './time.ts'

/** JSON of single values from their text, by the rules of record/json.ts. */

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const INTEGER = /^-?\d+$/
const HEX = /^\\x(?:[0-9a-fA-F]{2})*$/

/** The JSON text of a value that is not null. */
export function valueJson(type: LogicalType, text: string): string {
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'float32':
    case 'float64':
      return NUMBER.test(text) ? text : JSON.stringify(text)
    case 'array': {
      const value = parseArray(text)
      return value === undefined ? JSON.stringify(text) : arrayJson(value, type.element)
    }
    default:
      return JSON.stringify(plainValue(type, text))
  }
}

/** The same as a JavaScript value; integers of 64 bits are bigints. */
export function valueObject(type: LogicalType, text: string): unknown {
  switch (type.kind) {
    case 'int64':
    case 'uint64':
      return INTEGER.test(text) ? BigInt(text) : text
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64':
      return NUMBER.test(text) ? Number(text) : text
    case 'array': {
      const value = parseArray(text)
      return value === undefined ? text : arrayObject(value, type.element)
    }
    default:
      return plainValue(type, text)
  }
}

function plainValue(type: LogicalType, text: string): string | boolean {
  switch (type.kind) {
    case 'boolean':
      if (text === 't' || text === 'true' || text === '1') return true
      return text === 'f' || text === 'false' || text === '0' ? false : text
    case 'bytes':
      return Buffer.from(HEX.test(text) ? Buffer.from(text.slice(2), 'hex') : text).toString('base64')
    case 'date':
      return isoDate(text)
    case 'time':
    case 'timetz':
      return isoTime(text)
    case 'timestamp':
    case 'timestamptz':
      return isoTimestamp(text)
    default:
      return text
  }
}

function arrayJson(value: ArrayValue, element: LogicalType): string {
  const parts = value.map(part => {
    if (part === null) return 'null'
    return typeof part === 'string' ? valueJson(element, part) : arrayJson(part, element)
  })
  return `[${parts.join(',')}]`
}

function arrayObject(value: ArrayValue, element: LogicalType): unknown[] {
  return value.map(part => {
    if (part === null) return null
    return typeof part === 'string' ? valueObject(element, part) : arrayObject(part, element)
  })
}
