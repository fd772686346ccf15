import type { Position, Table } from '../../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../../runtime/log/memory/ordered.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { tuple } from '../../support/scripted-log.ts'

/** Of one transaction at the source. */
const TRANSACTION_ROWS = 100

/** A log in memory that is given rows as a source would. */
export class FedLog {
  readonly log = new OrderedMemoryLog()
  readonly #writer = new BatchWriter()
  #transactions = 0

  async append(table: Table, rows: readonly (string | null)[][]): Promise<void> {
    const writer = this.#writer
    for (let from = 0; from < rows.length; from += TRANSACTION_ROWS) {
      const number = ++this.#transactions
      writer.begin(String(number), `0/${number}`, BigInt(number) * 1000n)
      if (!this.log.tables().has(table.id)) writer.announce(table)
      for (const cells of rows.slice(from, from + TRANSACTION_ROWS)) writer.row('u', table, tuple(cells))
      writer.commit()
      await this.log.append(writer.take({ lane: 'stream', position: `0/${number}` as Position }))
    }
  }
}
