import type { Logger } from 'pino'
import type { Table } from '../../runtime/contract.ts'

/** To be called for each row of an outbox that was updated: people are told once. */
export function warnOnce(logger: Logger): (outbox: Table) => void {
  let isTold = false
  return ({ name }) => {
    if (isTold) return
    isTold = true
    logger.warn({ table: name }, 'rows of the outbox were updated: that is no event, and is passed over')
  }
}
