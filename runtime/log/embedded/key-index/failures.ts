import { TailraceError } from '../../../errors.ts'

/** The index cannot be used as it is: it is built anew, which also shows whether the log is sound. */
export function indexFailed(why: string): TailraceError {
  return new TailraceError('LOG_INDEX', 'retry', `The index of the log failed: ${why}.`, {
    hint: 'It is built anew from the log. If this repeats, check the disk of log.path.',
  })
}

/** What a pass has seen is not known any more: sweeping would delete rows that are there. */
export function evidenceLost(table: string): TailraceError {
  return new TailraceError(
    'LOG_PASS_LOST',
    'retry',
    `The log does not know any more which rows of ${table} were seen.`,
    {
      hint: 'The index of the log was built anew. The table is read again from the beginning; nothing is deleted.',
    },
  )
}
