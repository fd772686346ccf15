import { isTailraceError } from './errors.ts'

/** The server has what follows, but it cannot be followed: a stream from where the log stands meets it again. */
const IMPASSABLE = [
  'BINLOG_GENERATED',
  'BINLOG_INCIDENT',
  'BINLOG_METADATA',
  'BINLOG_ROLLBACK',
  'BINLOG_STATEMENT',
  'BINLOG_UNCOUNTED',
  'PARTIAL_JSON',
  'SOURCE_BINLOG',
]

/**
 * With these the stream cannot go on behind what the log holds; a new one with a pass over every table can, on a person's
 * word.
 */
const RESYNCED: ReadonlySet<string> = new Set([
  ...IMPASSABLE,
  'PUBLICATION_MISSING',
  'PUBLICATION_REPLACED',
  'SLOT_AHEAD',
  'SLOT_LOST',
  'SOURCE_BEHIND',
  'SOURCE_PURGED',
  'SOURCE_REPLACED',
  'SOURCE_REWOUND',
  'TIMELINE_HISTORY',
  'XA_LOST',
])

export function isResynced(error: unknown): boolean {
  return isTailraceError(error) && RESYNCED.has(error.code)
}

/** `code`: of the error that a stream ended with; undefined: it did not. */
export function isImpassable(code: string | undefined): boolean {
  return code !== undefined && IMPASSABLE.includes(code)
}
