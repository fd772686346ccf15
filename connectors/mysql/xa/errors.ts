import { errorMessage, isTailraceError, TailraceError } from '../../../runtime/errors.ts'

/** The file with the rows of a prepared transaction cannot be written or read now. */
export function spoolFailed(cause: unknown): TailraceError {
  if (isTailraceError(cause)) return cause
  return new TailraceError(
    'XA_FILE',
    'retry',
    `Rows of a prepared XA transaction cannot be kept: ${errorMessage(cause)}.`,
    { cause, hint: 'Check disk and permissions of `log.path`. Nothing is lost: it is tried again.' },
  )
}

export function spoolLost(what: 'damaged' | 'not there any more'): TailraceError {
  return new TailraceError('XA_LOST', 'stop', `The file that holds the rows of a prepared XA transaction is ${what}.`, {
    hint: 'Its rows were sent when it was prepared, and are not sent again. Read the tables again: tailrace backfill --source NAME --resnapshot.',
  })
}
