import type { Position } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { parseGtidState } from './gtid/mariadb-state.ts'
import { parseGtidSet } from './gtid/mysql-set.ts'
import type { Flavor } from './wire-column.ts'

/** A place in the binary log of one server, and nowhere else. */
export interface BinlogPlace {
  /** `base.000123`. */
  readonly file: string
  /** Bytes from the file's begin, 64 bits: behind the last event of a commit. */
  readonly offset: bigint
  /** When the file was begun, seconds since 1970 by the server's clock, where that is known: it tells files of one name apart. */
  readonly begun?: number | undefined
}

/** Where a MySQL or MariaDB source can go on. */
export interface BinlogPosition extends BinlogPlace {
  readonly flavor: Flavor
  /** Whose log it is: MySQL's `server_uuid`; of MariaDB what the source takes for it. */
  readonly server: string
  /** All transactions up to it: a set of GTIDs (MySQL) or a state (MariaDB). Undefined where there are no GTIDs. */
  readonly gtids: string | undefined
  /** XA transactions that are prepared there, and neither committed nor rolled back (ddl/xid.ts). */
  readonly prepared: readonly string[]
}

/** The form of the text; a later one reads the earlier. */
const VERSION = 1

/** JSON: {v, flavor, server, at: "file:offset", begun, gtids, xa}; without the last three where there are none. */
export function formatPosition(position: BinlogPosition): Position {
  const { flavor, server, file, offset, begun, gtids, prepared } = position
  return JSON.stringify({
    v: VERSION,
    flavor,
    server,
    at: formatPlace({ file, offset }),
    begun,
    gtids,
    xa: prepared.length === 0 ? undefined : prepared,
  }) as Position
}

/** Throws SOURCE_POSITION. */
export function parsePosition(text: string): BinlogPosition {
  const { v, flavor, server, at, begun, gtids, xa = [] } = parseFields(text)
  if (typeof v === 'number' && v > VERSION)
    throw new TailraceError('SOURCE_POSITION', 'stop', 'The log holds a position that this version does not know.', {
      hint: 'A newer version of Tailrace wrote it: go on with that one.',
    })
  if (
    v !== VERSION ||
    (flavor !== 'mysql' && flavor !== 'mariadb') ||
    typeof server !== 'string' ||
    typeof at !== 'string' ||
    (begun !== undefined && typeof begun !== 'number') ||
    (gtids !== undefined && typeof gtids !== 'string') ||
    !isTexts(xa)
  )
    throw foreignPosition()
  return { flavor, server, ...parsePlace(at), begun, gtids, prepared: xa }
}

function parseFields(text: string): Record<string, unknown> {
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    throw foreignPosition()
  }
  if (typeof fields !== 'object' || fields === null) throw foreignPosition()
  return { ...fields }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string')
}

/** The short form, `binlog.000123:4711`, where the server is known. */
export function formatPlace({ file, offset }: BinlogPlace): string {
  return `${file}:${offset}`
}

/** For people: the place alone; what is none in a binary log as it stands. */
export function shownPosition(text: string): string {
  try {
    return formatPlace(parsePosition(text))
  } catch {
    return text
  }
}

/** A file's base name may hold anything; its number has six digits or more. */
const OFFSET = /^(?:0|[1-9]\d{0,18})$/
const FILE_NUMBER = /^\d{6,19}$/

/** Throws SOURCE_POSITION. */
export function parsePlace(text: string): BinlogPlace {
  const colon = text.lastIndexOf(':')
  const file = text.slice(0, Math.max(0, colon))
  const offset = text.slice(colon + 1)
  const dot = file.lastIndexOf('.')
  if (dot < 1 || !OFFSET.test(offset) || !FILE_NUMBER.test(file.slice(dot + 1))) throw foreignPosition()
  return { file, offset: BigInt(offset) }
}

/**
 * Of two places in one server's log: below 0 when `a` comes first, 0 when they are one, else above. Undefined when the
 * files have different base names: nothing tells which came first.
 */
export function comparePlaces(a: BinlogPlace, b: BinlogPlace): number | undefined {
  if (a.file !== b.file) {
    const dotA = a.file.lastIndexOf('.')
    const dotB = b.file.lastIndexOf('.')
    if (a.file.slice(0, dotA) !== b.file.slice(0, dotB)) return undefined
    const files = compare(BigInt(a.file.slice(dotA + 1)), BigInt(b.file.slice(dotB + 1)))
    if (files !== 0) return files
  }
  return compare(a.offset, b.offset)
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/**
 * Source.covers: by the place in the log of one server, else by the transactions, else no. Throws SOURCE_POSITION and
 * GTID_UNREADABLE.
 */
export function covers(a: Position, b: Position): boolean {
  if (a === b) return true
  const later = readLeft(a)
  const earlier = readRight(b)
  if (later.flavor !== earlier.flavor) return false
  if (later.server === earlier.server) {
    const order = comparePlaces(later, earlier)
    if (order !== undefined) return order >= 0
  }
  if (later.gtids === undefined || earlier.gtids === undefined) return false
  return later.flavor === 'mysql'
    ? parseGtidSet(later.gtids).includes(parseGtidSet(earlier.gtids))
    : parseGtidState(later.gtids).includes(parseGtidState(earlier.gtids))
}

/** One side of the comparison is the same many times in a row. */
const readLeft = rememberingLast(parsePosition)
const readRight = rememberingLast(parsePosition)

function rememberingLast<T>(parse: (text: string) => T): (text: string) => T {
  let lastText: string | undefined
  let last: T
  return text => {
    if (text !== lastText) {
      last = parse(text)
      lastText = text
    }
    return last
  }
}

function foreignPosition(): TailraceError {
  return new TailraceError('SOURCE_POSITION', 'stop', 'The log holds a position that is none in a binary log.', {
    hint: 'The log folder belongs to another source. Check `log.path` and the name of the source.',
  })
}
