import { TailraceError } from '../errors.ts'

/** RECORD_ORDER. */
export function outOfOrder(what: string): TailraceError {
  return new TailraceError('RECORD_ORDER', 'stop', `A source wrote its changes in a wrong order: ${what}.`, {
    hint: 'This is an error in the source plugin. Please report it.',
  })
}
