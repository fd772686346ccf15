/**
 * Dates and times as databases print them (record/time.ts), as lists of numbers that compare one after the other.
 * `infinity` lies behind every date. MySQL's dates without a day or a month lie where MySQL sorts them.
 */
export type Moment = readonly number[]

const DATE = String.raw`(\d{4,})-(\d\d)-(\d\d)`
const CLOCK = String.raw`(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?`
const ZONE = String.raw`(Z|[+-]\d\d(?::?\d\d)?(?::?\d\d)?)`
const DAY = new RegExp(`^${DATE}( BC)?$`)
const TIMESTAMP = new RegExp(`^${DATE}(?:[ T]${CLOCK})?( BC)?$`)
const INSTANT = new RegExp(`^${DATE}[ T]${CLOCK} ?${ZONE}( BC)?$`)
const TIME = /^(-?)(\d{2,3}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/
const ZONED_TIME = new RegExp(`^${CLOCK} ?${ZONE}$`)

export function dateOf(text: string): Moment | undefined {
  const match = DAY.exec(text)
  return match === null ? infinite(text) : [calendarDay(match[1]!, match[2]!, match[3]!, match[4])]
}

/** Without a zone; a date alone is its midnight. */
export function timestampOf(text: string): Moment | undefined {
  const match = TIMESTAMP.exec(text)
  if (match === null) return infinite(text)
  const [, year, month, day, hours = '00', minutes = '00', seconds, fraction, era] = match
  return [calendarDay(year!, month!, day!, era), secondsOf(hours, minutes, seconds), microsOf(fraction)]
}

/** A point in time: there must be a zone. */
export function instantOf(text: string): Moment | undefined {
  const match = INSTANT.exec(text)
  if (match === null) return infinite(text)
  const [, year, month, day, hours, minutes, seconds, fraction, zone, era] = match
  const days = daysSinceEpoch(yearOf(year!, era), Number(month), Number(day))
  return [days * 86_400 + secondsOf(hours!, minutes!, seconds) - offsetOf(zone!), microsOf(fraction)]
}

/** Of the day, or a duration as MySQL has it. */
export function timeOf(text: string): Moment | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [, minus, hours, minutes, seconds, fraction] = match
  const sign = minus === '-' ? -1 : 1
  return [sign * secondsOf(hours!, minutes!, seconds), sign * microsOf(fraction)]
}

/** As PostgreSQL compares them: by the instant of a day, then the one further west behind. */
export function zonedTimeOf(text: string): Moment | undefined {
  const match = ZONED_TIME.exec(text)
  if (match === null) return undefined
  const [, hours, minutes, seconds, fraction, zone] = match
  const offset = offsetOf(zone!)
  return [secondsOf(hours!, minutes!, seconds) - offset, microsOf(fraction), -offset]
}

export function compareMoments(a: Moment, b: Moment): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1
  return 0
}

function infinite(text: string): Moment | undefined {
  if (text === 'infinity') return [Infinity]
  return text === '-infinity' ? [-Infinity] : undefined
}

function yearOf(digits: string, era: string | undefined): number {
  return era === undefined ? Number(digits) : 1 - Number(digits)
}

/** Grows with the date, for months and days of 0 too. */
function calendarDay(year: string, month: string, day: string, era: string | undefined): number {
  return (yearOf(year, era) * 16 + Number(month)) * 32 + Number(day)
}

/** Of the Gregorian calendar, before its time too, from 1970-01-01. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const isEarly = month <= 2
  const years = isEarly ? year - 1 : year
  const leaps = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400)
  // From March on: the day that may be missing is the year's last.
  const dayOfYear = Math.floor((153 * (month + (isEarly ? 9 : -3)) + 2) / 5) + day
  return 365 * years + leaps + dayOfYear - 719_469
}

function secondsOf(hours: string, minutes: string, seconds: string | undefined): number {
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0)
}

function microsOf(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Number(fraction.padEnd(6, '0'))
}

/** Seconds east of UTC. */
function offsetOf(zone: string): number {
  if (zone === 'Z') return 0
  const [hours = '0', minutes = '0', seconds = '0'] = zone.slice(1).match(/\d\d/g) ?? []
  const size = secondsOf(hours, minutes, seconds)
  return zone.startsWith('-') ? -size : size
}
