import { errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'

/**
 * What DuckDB reports, told apart by how its messages begin: its errors have no codes. The rest of a message may quote
 * values and is left out.
 */
export function databaseError(cause: unknown, path: string): unknown {
  const text = errorMessage(cause)
  const kind = /^([A-Z][\w -]*?) Error\b/i.exec(text)?.[1]
  if (isTailraceError(cause) || kind === undefined) return cause
  if (/Conflicting lock|Could not set lock/i.test(text))
    return new TailraceError('TARGET_BUSY', 'retry', `Another program has ${path} open.`, {
      cause,
      hint: 'DuckDB lets one process at a time open a file that is written. Close it there, or read a copy: `snapshotTo` of the sink.',
    })
  if (/not a valid DuckDB database file|newer|older version|Corrupt|checksum/i.test(text))
    return new TailraceError('SINK_DAMAGED', 'stop', `${path} is not a DuckDB database that this version can read.`, {
      cause,
      hint: 'Move it away: the sink is then built anew from the log.',
    })
  if (/No space left|disk full/i.test(text))
    return new TailraceError('TARGET_FULL', 'retry', `There is no room left for ${path}.`, {
      cause,
      hint: 'Free some space or move `path` of the sink; it goes on by itself.',
    })
  if (/Permission denied|read-only|Cannot open file/i.test(text))
    return new TailraceError('TARGET_UNWRITABLE', 'stop', `${path} cannot be opened for writing.`, {
      cause,
      hint: 'Give file and folder to the user that runs Tailrace, then resume the sink.',
    })
  switch (kind) {
    case 'Out of Memory':
      return new TailraceError('SINK_MEMORY', 'retry', `DuckDB needs more memory for ${path} than it may take.`, {
        cause,
        hint: 'Raise `memory` of the sink, or lower `batch.rows`. The keys of a table must fit.',
      })
    case 'IO':
      return new TailraceError('TARGET_IO', 'retry', `Reading or writing ${path} failed.`, {
        cause,
        hint: 'See the operating system for the state of the disk.',
      })
    case 'INTERNAL':
    case 'FATAL':
    case 'TransactionContext':
      return new TailraceError('TARGET_IO', 'retry', `DuckDB gave up on ${path}; it is opened anew.`, {
        cause,
        hint: 'If this repeats, report it with the cause in the log.',
      })
    default:
      return new TailraceError('SINK_SCHEMA', 'stop', `${path} refused a statement (${kind} error).`, {
        cause,
        hint: 'Undo what changed its tables by hand, or build the sink anew: tailrace remove --sink, then run.',
      })
  }
}
