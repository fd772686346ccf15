import { TailraceError } from '../../../runtime/errors.ts'

/** What the binary log holds cannot be read: the source stops rather than guess. `what`: without values of rows. */
export function unreadable(what: string): TailraceError {
  return new TailraceError('BINLOG_UNREADABLE', 'stop', `The binary log cannot be read: ${what}.`, {
    hint: 'The server is newer than this version of Tailrace, or its binary log is damaged. Please report it.',
  })
}

/** Bytes that must be there are not. */
export function cut(what: string): TailraceError {
  return unreadable(`${what} ends too early`)
}
