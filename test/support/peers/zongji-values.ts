/** JavaScript values of the package `@vlasky/zongji` turned back into the text that the server prints. */
import { parseDeclared } from '../../../connectors/mysql/values/declared.ts'
import type { Column } from '../../../runtime/contract.ts'
import { doubleText, floatText } from '../../../runtime/record/mysql-float.ts'

/** Wherever the value still allows it. Undefined: the package says nothing of the column. */
export function zongjiText(value: unknown, column: Column): string | null | undefined {
  if (value === null || value === undefined) return value
  const { kind } = column.type
  if (Buffer.isBuffer(value)) return bytesText(value, column)
  if (kind === 'float32' && typeof value === 'number') return floatText(value)
  if (kind === 'float64' && typeof value === 'number') return doubleText(value)
  if (kind === 'timestamptz' && typeof value === 'string') return value.startsWith('0000-00-00') ? value : `${value}+00`
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function bytesText(value: Buffer, { type, declared }: Column): string {
  const hex = value.toString('hex')
  switch (type.kind) {
    case 'bits': {
      const digits = parseDeclared(declared).numbers[0] ?? 1
      return BigInt(`0x${hex || '0'}`)
        .toString(2)
        .padStart(digits, '0')
    }
    case 'uuid':
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    case 'array': {
      const floats = Array.from({ length: value.length / 4 }, (_, i) => floatText(value.readFloatLE(4 * i)))
      return `{${floats.join(',')}}`
    }
    default:
      return `\\x${hex}`
  }
}
