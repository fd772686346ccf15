import type { LoggedChange } from '../contract.ts'

/** Whether it is of a row, and not of its table or the log. */
export function isRowChange({ kind }: Pick<LoggedChange, 'kind'>): boolean {
  return kind !== 'm' && kind !== 's' && kind !== 't'
}
