import { TailraceError } from '../../../runtime/errors.ts'

/** Text that should name transactions does not. `what`: a GTID set, a GTID state ... */
export function unreadableGtids(what: string): TailraceError {
  return new TailraceError('GTID_UNREADABLE', 'stop', `${what} cannot be read.`, {
    hint: 'The server is newer than this version of Tailrace, or of another kind. Please report it.',
  })
}
