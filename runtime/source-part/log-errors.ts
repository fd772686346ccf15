import type { IndexStats } from '../contract.ts'
import { someOf } from '../some-of.ts'
import type { SourceStatus } from '../status.ts'

/** The source goes on: what it did not send and the log does not know is missing in the sinks, which must be seen. */
export function incompleteRows(index: IndexStats | undefined): SourceStatus['error'] {
  const tables = [...(index?.incomplete ?? [])].map(([table, rows]) => `${table} (${rows})`)
  if (tables.length === 0) return null
  return {
    code: 'ROW_INCOMPLETE',
    message: `Rows came without all of their columns, and the log does not know them: ${someOf(tables)}.`,
    hint: 'The next change of the missing columns mends a row. The server sends whole rows with REPLICA IDENTITY FULL (PostgreSQL) or binlog_row_image = FULL (MySQL, MariaDB).',
  }
}

export function logFull(bytes: number | null): SourceStatus['error'] {
  return {
    code: 'LOG_FULL',
    message: `The log is full${bytes === null ? '' : ` at ${bytes} bytes`}; the source waits and nothing is dropped.`,
    hint: 'Raise log.maxBytes or free disk space; the source goes on by itself.',
  }
}
