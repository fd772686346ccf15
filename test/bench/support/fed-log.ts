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

  async append(table: Table, rows: Iterable<(string | null)[]>): Promise<void> {
    let count = 0
    for (const cells of rows) {
      if (count++ === 0) this.#begin(table)
      this.#writer.row('u', table, tuple(cells))
      if (count < TRANSACTION_ROWS) continue
      await this.#commit()
      count = 0
    }
    if (count > 0) await this.#commit()
  }

  #begin(table: Table): void {
    const number = ++this.#transactions
    this.#writer.begin(String(number), `0/${number}`, BigInt(number) * 1000n)
    if (!this.log.tables().has(table.id)) this.#writer.announce(table)
  }

  async #commit(): Promise<void> {
    this.#writer.commit()
    const position = `0/${this.#transactions}` as Position
    await this.log.append(this.#writer.take({ lane: 'stream', position }))
  }
}
