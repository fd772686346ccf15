import { TailraceError } from '../../runtime/errors.ts'
import { nameOf } from '../common/selection.ts'
import type { TableName } from './ddl/names.ts'

/** What the binary log tells of, and cannot be followed. None shows the text of a statement: it holds values. */

export function incident(message: string): TailraceError {
  return new TailraceError(
    'BINLOG_INCIDENT',
    'stop',
    `The server reports a gap in its binary log: ${message || 'lost events'}.`,
    {
      hint: 'Changes are missing, and no event tells which. Read the tables again: tailrace backfill --source NAME --resnapshot.',
    },
  )
}

export function statementFormat(tables: readonly TableName[] | undefined): TailraceError {
  const names = (tables ?? []).map(({ database, table }) => nameOf({ schema: database, table })).join(', ')
  const what = names === '' ? 'captured tables, it may be' : names
  return new TailraceError(
    'BINLOG_STATEMENT',
    'stop',
    `Rows of ${what} were changed by a statement that was logged as text.`,
    {
      hint: "Somebody's session has binlog_format STATEMENT or MIXED: SET GLOBAL binlog_format = 'ROW'; then read the tables again: tailrace backfill --source NAME --resnapshot.",
    },
  )
}

export function unknownStatement(): TailraceError {
  return new TailraceError('BINLOG_STATEMENT', 'stop', 'The binary log holds a statement that is not known here.', {
    hint: 'It may have changed rows. Please report it, with the server’s version. To go on: tailrace backfill --source NAME --resnapshot.',
  })
}

export function undone(): TailraceError {
  return new TailraceError('BINLOG_ROLLBACK', 'stop', 'The binary log takes back changes that it has logged before.', {
    hint: 'A transaction changed tables of an engine without transactions beside captured ones. Read the tables again: tailrace backfill --source NAME --resnapshot.',
  })
}
