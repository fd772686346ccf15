import { TailraceError } from '../../../errors.ts'

/** The index cannot be used as it is: it is built anew, which also shows whether the log is sound. */
export function indexFailed(why: string): TailraceError {
  return new TailraceError('LOG_INDEX', 'retry', `The index of the log failed: ${why}.`, {
    hint: 'It is built anew from the log. If this repeats, check the disk of log.path.',
  })
}
