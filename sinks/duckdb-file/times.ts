/**
 * Dates and times between the text that databases print (PostgreSQL with DateStyle ISO and IntervalStyle iso_8601) and
 * DuckDB's numbers: days and microseconds since 1970, proleptic Gregorian both. No time zone is guessed, no digit lost;
 * undefined for text that is no such value.
 */

const DAY_US = 86_400_000_000n
const DATE = /^(\d{4,7})-(\d\d)-(\d\d)( BC)?$/
const TIMESTAMP = /^(\d{4,7})-(\d\d)-(\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)([+-]\d\d(?::?\d\d)?(?::?\d\d)?|Z)?( BC)?$/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/

/** DuckDB's infinities. */
export const INFINITE_DATE = 2_147_483_647
export const INFINITE_TIMESTAMP = 2n ** 63n - 1n
/** The largest that is not infinite. */
const LAST_TIMESTAMP = INFINITE_TIMESTAMP - 1n

/** Days since 1970-01-01. */
export function daysOf(text: string): number | undefined {
  if (text === 'infinity') return INFINITE_DATE
  if (text === '-infinity') return -INFINITE_DATE
  const match = DATE.exec(text)
  return match === null ? undefined : civilDays(match[1]!, match[2]!, match[3]!, match[4] !== undefined)
}

/** Microseconds since 1970, in UTC if the text has an offset. */
export function timestampOf(text: string): bigint | undefined {
  if (text === 'infinity') return INFINITE_TIMESTAMP
  if (text === '-infinity') return -INFINITE_TIMESTAMP
  const match = TIMESTAMP.exec(text)
  if (match === null) return undefined
  const days = civilDays(match[1]!, match[2]!, match[3]!, match[6] !== undefined)
  const time = timeOf(match[4]!)
  if (days === undefined || time === undefined) return undefined
  const micros = BigInt(days) * DAY_US + BigInt(time) - BigInt(offsetSeconds(match[5])) * 1_000_000n
  return micros > LAST_TIMESTAMP ? undefined : micros
}

/** Microseconds since midnight, 24:00:00 included. */
export function timeOf(text: string): number | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const micros = Number((match[4] ?? '').padEnd(6, '0'))
  const total = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
  return minutes > 59 || seconds > 60 || total > Number(DAY_US) ? undefined : total
}

function offsetSeconds(offset: string | undefined): number {
  if (offset === undefined || offset === 'Z') return 0
  const digits = offset.slice(1).replaceAll(':', '')
  const [hours, minutes, seconds] = [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6)].map(Number)
  const size = (hours! * 60 + minutes!) * 60 + seconds!
  return offset[0] === '-' ? -size : size
}

/** https://howardhinnant.github.io/date_algorithms.html */
function civilDays(yearDigits: string, monthDigits: string, dayDigits: string, isBc: boolean): number | undefined {
  const [month, day] = [Number(monthDigits), Number(dayDigits)]
  const year = isBc ? 1 - Number(yearDigits) : Number(yearDigits)
  // Year 0, month 0 and day 0 are MySQL's.
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || Number(yearDigits) === 0) return undefined
  return daysBefore(month > 2 ? year : year - 1, month) + day - 1
}

function daysBefore(year: number, month: number): number {
  const era = Math.floor(year / 400)
  const yearOfEra = year - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5)
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

export function dateText(days: number): string {
  if (Math.abs(days) === INFINITE_DATE) return days > 0 ? 'infinity' : '-infinity'
  const { year, rest } = civil(days)
  return `${year.digits}${rest}${year.era}`
}

/** `zone`: what PostgreSQL adds for UTC, or nothing. */
export function timestampText(micros: bigint, zone: '+00' | ''): string {
  if (micros === INFINITE_TIMESTAMP) return 'infinity'
  if (micros === -INFINITE_TIMESTAMP) return '-infinity'
  const ofDay = ((micros % DAY_US) + DAY_US) % DAY_US
  const { year, rest } = civil(Number((micros - ofDay) / DAY_US))
  return `${year.digits}${rest} ${timeText(Number(ofDay))}${zone}${year.era}`
}

export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return `${parts.map(part => String(part).padStart(2, '0')).join(':')}${fraction(micros % 1_000_000)}`
}

function fraction(micros: number): string {
  return micros === 0 ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`
}

function civil(days: number): { year: { digits: string; era: string }; rest: string } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const two = (value: number): string => String(value).padStart(2, '0')
  return {
    year: { digits: String(year > 0 ? year : 1 - year).padStart(4, '0'), era: year > 0 ? '' : ' BC' },
    rest: `-${two(month)}-${two(day)}`,
  }
}

export interface Interval {
  readonly months: number
  readonly days: number
  readonly micros: bigint
}

const INTERVAL =
  /^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,6}))?S)?)?$/

/** PostgreSQL's ISO 8601 form, whose parts each have a sign. */
export function intervalOf(text: string): Interval | undefined {
  const match = INTERVAL.exec(text)
  if (match === null || text === 'P' || text.endsWith('T')) return undefined
  const part = (i: number): number => Number(match[i] ?? 0)
  const seconds = BigInt(match[7] ?? 0) * 1_000_000n + BigInt((match[8] ?? '').padEnd(6, '0'))
  const micros = BigInt(part(4) * 60 + part(5)) * 60_000_000n + (match[6] === '-' ? -seconds : seconds)
  const [months, days] = [part(1) * 12 + part(2), part(3)]
  const fits = [months, days].every(value => Math.abs(value) < 2 ** 31) && BigInt.asIntN(64, micros) === micros
  return fits ? { months, days, micros } : undefined
}

/** As PostgreSQL writes it: larger units first, those of zero left out. */
export function intervalText({ months, days, micros }: Interval): string {
  const size = micros < 0n ? -micros : micros
  const sign = micros < 0n ? '-' : ''
  const seconds = size / 1_000_000n
  const part = (value: number | bigint, unit: string, before = ''): string =>
    value === 0 || value === 0n ? '' : `${before}${value}${unit}`
  const rest = fraction(Number(size % 1_000_000n))
  const second = seconds % 60n === 0n && rest === '' ? '' : `${sign}${seconds % 60n}${rest}S`
  const date = `${part(Math.trunc(months / 12), 'Y')}${part(months % 12, 'M')}${part(days, 'D')}`
  const time = `${part(seconds / 3600n, 'H', sign)}${part((seconds / 60n) % 60n, 'M', sign)}${second}`
  if (time === '') return date === '' ? 'PT0S' : `P${date}`
  return `P${date}T${time}`
}
