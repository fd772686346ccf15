/**
 * Dates and times as databases print them (PostgreSQL with DateStyle ISO, MySQL) to ISO 8601, by text alone: no digit
 * is lost and no time zone guessed. Years beyond 9999 get a sign, years BC become astronomical ones (1 BC = 0000);
 * `infinity` and what is not a date (MySQL's zero dates) stay as they are.
 */

const DATE = /^(\d{4,})-(?!00)(\d\d)-(?!00)(\d\d)(?: (BC))?$/
const TIMESTAMP =
  /^(\d{4,})-(?!00)(\d\d)-(?!00)(\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::?\d\d)?(?::?\d\d)?|Z)?(?: (BC))?$/
const TIME = /^(\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::?\d\d)?(?::?\d\d)?)?$/

export function isoDate(text: string): string {
  const match = DATE.exec(text)
  return match === null ? text : `${year(match[1]!, match[4])}-${match[2]}-${match[3]}`
}

export function isoTimestamp(text: string): string {
  const match = TIMESTAMP.exec(text)
  if (match === null) return text
  return `${year(match[1]!, match[6])}-${match[2]}-${match[3]}T${match[4]}${zone(match[5])}`
}

export function isoTime(text: string): string {
  const match = TIME.exec(text)
  return match === null ? text : `${match[1]}${zone(match[2])}`
}

function year(digits: string, era: string | undefined): string {
  const value = era === 'BC' ? 1 - Number(digits) : Number(digits)
  if (value < 0) return `-${String(-value).padStart(4, '0')}`
  return value > 9999 ? `+${value}` : String(value).padStart(4, '0')
}

function zone(offset: string | undefined): string {
  if (offset === undefined) return ''
  if (offset === 'Z' || /^[+-]00(:?00)*$/.test(offset)) return 'Z'
  return offset.length === 3 ? `${offset}:00` : offset
}
