import type { Column } from '../../runtime/contract.ts'
import { parseArray } from '../../runtime/record/array.ts'
import { elementText, floatText, realText } from '../../runtime/record/text.ts'
import { timestampOf, timestampText } from '../common/times.ts'
import type { Storage } from './storage.ts'

type Shown = (text: string) => string

/**
 * The text that the database prints of a value whose text in the log is this; undefined where that is the same text. What
 * the type does not hold stays as it is: its row was refused.
 */
export function shownOf(column: Column, storage: Storage): Shown | undefined {
  if (storage.endsWith('[]')) {
    const element = shownOf(column, storage.slice(0, -2))
    return storage === 'real[]' || storage === 'double precision[]' ? text => listShown(text, element!) : undefined
  }
  switch (storage) {
    case 'boolean':
      return text => TRUTHS.get(text) ?? text
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'oid':
    case 'numeric(20,0)':
      return text => (/^-?\d+$/.test(text) ? String(BigInt(text)) : text)
    case 'real':
      return text => (FLOAT.test(text) ? realText(Math.fround(Number(text))) : text)
    case 'double precision':
      return text => (FLOAT.test(text) ? floatText('float64', Number(text)) : text)
    case 'bytea':
      return text => (text.startsWith('\\x') ? text : `\\x${Buffer.from(text).toString('hex')}`)
  }
  const scale = /^numeric\(\d+,(\d+)\)$/.exec(storage)?.[1]
  if (scale !== undefined) return text => decimalShown(text, Number(scale))
  if (/^timestamp.* with time zone$/.test(storage)) return momentShown
  return /^time/.test(storage) ? withoutZeros : undefined
}

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$|^-?Infinity$|^NaN$/i
const TRUTHS = new Map([
  ['1', 't'],
  ['true', 't'],
  ['0', 'f'],
  ['false', 'f'],
])

function decimalShown(text: string, scale: number): string {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text)
  if (match === null) return text
  const [, sign, whole, fraction = ''] = match
  const shown = scale === 0 ? whole! : `${whole}.${fraction.slice(0, scale).padEnd(scale, '0')}`
  return /[1-9]/.test(shown) ? sign + shown : shown
}

/** A fraction ends with its last digit that counts. */
function withoutZeros(text: string): string {
  return text.replace(/(:\d\d)(?:\.0+|(\.\d*[1-9])0+)(?=$|[ +-])/, (_, before, fraction = '') => `${before}${fraction}`)
}

function momentShown(text: string): string {
  if (/\+00( BC)?$/.test(text)) return withoutZeros(text)
  const micros = timestampOf(text)
  return micros === undefined ? text : timestampText(micros, '+00')
}

function listShown(text: string, show: Shown): string {
  const values = parseArray(text)
  if (values === undefined || values.some(value => typeof value === 'object' && value !== null)) return text
  const texts = (values as readonly (string | null)[]).map(value =>
    value === null ? 'NULL' : elementText(show(value)),
  )
  return `{${texts.join(',')}}`
}
