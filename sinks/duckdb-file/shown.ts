import type { Column } from '../../runtime/contract.ts'
import { parseArray } from '../../runtime/record/array.ts'
import { booleanText } from '../../runtime/record/text.ts'
import {
  dateText,
  daysOf,
  intervalOf,
  intervalText,
  timeOf,
  timestampOf,
  timestampText,
  timeText,
} from '../common/times.ts'
import { FLOAT, truthOf } from '../common/value-bytes.ts'
import { listText, numberText } from '../common/value-text.ts'
import type { Storage } from './storage.ts'

type Shown = (text: string) => string

/**
 * The text that `textOf` (text.ts) has of a value whose text in the log is this; undefined where that is the same text.
 * What the type does not hold stays as it is: its row was refused.
 */
export function shownOf(column: Column, storage: Storage): Shown | undefined {
  switch (storage.kind) {
    case 'varchar':
    case 'json':
      return undefined
    case 'boolean':
      return text => held(text, truthOf(text), truth => booleanText(column.declared, truth))
    case 'float32':
    case 'float64':
      return floatShown(storage.kind, column.declared)
    case 'decimal':
      return text => decimalShown(text, storage.scale)
    case 'date':
      return text => held(text, daysOf(text), dateText)
    case 'time':
      return text => held(text, timeOf(text), timeText)
    case 'timestamp':
      return text => held(text, timestampOf(text), micros => timestampText(micros, ''))
    case 'timestamptz':
      return text => held(text, timestampOf(text), micros => timestampText(micros, '+00'))
    case 'interval':
      return text => held(text, intervalOf(text), intervalText)
    case 'uuid':
      return uuidShown
    case 'blob':
      return text => (text.startsWith('\\x') ? text : `\\x${Buffer.from(text).toString('hex')}`)
    case 'list':
      return listShown(storage.element, shownOf(column, storage.element))
    default:
      return text => (/^-?\d+$/.test(text) ? String(BigInt(text)) : text)
  }
}

function held<T>(text: string, value: T | undefined, show: (value: T) => string): string {
  return value === undefined ? text : show(value)
}

function floatShown(kind: 'float32' | 'float64', declared: string): Shown {
  const held = kind === 'float32' ? Math.fround : Number
  return text => (FLOAT.test(text) ? numberText(kind, declared, held(Number(text))) : text)
}

function decimalShown(text: string, scale: number): string {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text)
  if (match === null) return text
  const [, sign, whole, fraction = ''] = match
  const value = BigInt(`${whole}${fraction.slice(0, scale).padEnd(scale, '0')}`)
  const digits = String(value).padStart(scale + 1, '0')
  const point = digits.length - scale
  const behind = scale === 0 ? '' : `.${digits.slice(point)}`
  return `${value === 0n ? '' : sign}${digits.slice(0, point)}${behind}`
}

function uuidShown(text: string): string {
  const hex = text.replaceAll('-', '')
  return hex.length === 32 ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : text
}

/** A zero in a list has no sign: DuckDB's INSERT OR REPLACE takes it away. */
function listShown(element: Storage, show: Shown | undefined): Shown {
  const isFloat = element.kind === 'float32' || element.kind === 'float64'
  return text => {
    const values = parseArray(text)
    if (values === undefined || values.some(value => typeof value === 'object' && value !== null)) return text
    const texts = (values as readonly (string | null)[]).map(value => {
      if (value === null) return null
      const shown = show?.(value) ?? value
      return isFloat && shown === '-0' ? '0' : shown
    })
    return listText(texts)
  }
}
