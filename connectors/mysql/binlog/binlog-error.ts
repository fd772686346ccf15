import { TailraceError } from '../../../runtime/errors.ts'

/** What the binary log holds cannot be read: the source stops rather than guess. `what`: without values of rows. */
export function unreadable(what: string, cause?: unknown): TailraceError {
  return new TailraceError('BINLOG_UNREADABLE', 'stop', `The binary log cannot be read: ${what}.`, {
    cause,
    hint: 'The server is newer than this version of Tailrace, or its binary log is damaged. Please report it.',
  })
}

/** Bytes that must be there are not. */
export function cut(what: string): TailraceError {
  return unreadable(`${what} ends too early`)
}

/** MariaDB sends what follows as it stands in the file, which only it can decrypt. */
export function encrypted(): TailraceError {
  return new TailraceError('BINLOG_ENCRYPTED', 'stop', 'The server sends its binary log encrypted.', {
    hint: 'Servers decrypt it for whoever replicates. Connect to the server itself, not to a store of its files.',
  })
}

/** More than there is to be room for. `what`: the thing that is too large. */
export function tooLarge(what: string, size: number | bigint, limit: number): TailraceError {
  return new TailraceError(
    'VALUE_TOO_LARGE',
    'stop',
    `The server sent ${what} of ${size} bytes; the limit is ${limit}.`,
    {
      hint: 'Raise `maxValueBytes` of the source, or leave the column out with `columns.exclude`.',
    },
  )
}
