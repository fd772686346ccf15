import type { TableName } from './tables.ts'

/** What the writer knows to be committed, and what follows from it. */

export interface RowChange {
  readonly table: TableName
  readonly key: number
  /** null: deleted. A primary-key change is a delete of the old key and a row at the new one. */
  readonly ver: number | null
}

export interface CommittedTransaction {
  readonly xid: string
  /** In the order of the statements; each is one entry of the log. */
  readonly changes: readonly RowChange[]
}

export interface Written {
  /** Per key in commit order. */
  readonly transactions: readonly CommittedTransaction[]
  readonly aborted: number
  /** Transactions a second, commits and aborts, over the writer's life. */
  readonly rate: number
}

export interface KeyState {
  /** null: deleted. */
  readonly ver: number | null
  readonly transaction: CommittedTransaction
}

export class History {
  readonly transactions: readonly CommittedTransaction[]
  readonly byXid = new Map<string, CommittedTransaction>()
  readonly #keys = new Map<string, KeyState[]>()
  readonly #filled: number

  /** `filled`: rows of version 0 that `by_number` held from the start. */
  constructor(transactions: readonly CommittedTransaction[], filled: number) {
    this.transactions = transactions
    this.#filled = filled
    for (const transaction of transactions) {
      if (this.byXid.has(transaction.xid)) throw new Error(`the writer has two transactions ${transaction.xid}`)
      this.byXid.set(transaction.xid, transaction)
      for (const { table, key, ver } of transaction.changes) {
        const name = keyName(table, key)
        const states = this.#keys.get(name)
        if (states === undefined) this.#keys.set(name, [{ ver, transaction }])
        else states.push({ ver, transaction })
      }
    }
  }

  /** Names of all keys that were ever written. */
  keys(): IterableIterator<string> {
    return this.#keys.keys()
  }

  /** From the first state on; none for a key that nobody wrote. */
  states(table: TableName, key: number): readonly KeyState[] {
    return this.#keys.get(keyName(table, key)) ?? []
  }

  /** Before the writer's first change: 0 where the table was filled, else null. */
  initial(table: TableName, key: number): number | null {
    return table === 'by_number' && key < this.#filled ? 0 : null
  }

  get filled(): number {
    return this.#filled
  }
}

export function keyName(table: TableName, key: number): string {
  return `${table}/${key}`
}

export function parseKeyName(name: string): { table: TableName; key: number } {
  const [table, key] = name.split('/')
  return { table: table as TableName, key: Number(key) }
}
