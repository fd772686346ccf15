import { isTailraceError } from './errors.ts'

/**
 * With these the stream cannot go on behind what the log holds; a new one with a pass over every table can, on a person's
 * word.
 */
const RESYNCED: ReadonlySet<string> = new Set([
  'BINLOG_GENERATED',
  'BINLOG_INCIDENT',
  'BINLOG_METADATA',
  'BINLOG_ROLLBACK',
  'BINLOG_STATEMENT',
  'BINLOG_UNCOUNTED',
  'PARTIAL_JSON',
  'PUBLICATION_MISSING',
  'PUBLICATION_REPLACED',
  'SLOT_AHEAD',
  'SLOT_LOST',
  'SOURCE_BEHIND',
  'SOURCE_BINLOG',
  'SOURCE_PURGED',
  'SOURCE_REPLACED',
  'SOURCE_REWOUND',
  'TIMELINE_HISTORY',
  'XA_LOST',
])

export function isResynced(error: unknown): boolean {
  return isTailraceError(error) && RESYNCED.has(error.code)
}
