import type { CommittedTransaction, RowChange } from './history.ts'
import type { TableName, TableSql, Versioned } from './tables.ts'

/** Keys and versions that the writer never comes to. */
const OWN_KEYS = 700
const OWN_VERSIONS = 1_000_000_000

/** A connection on which one transaction is led. */
export interface HandSession {
  begin(): Promise<void>
  query(sql: string): Promise<unknown>
  /** The transaction's number, once it has written. */
  xid(): Promise<string>
  end(): Promise<void>
}

/** A transaction led step by step, on keys of its own. */
export class HandWritten implements AsyncDisposable {
  readonly #session: HandSession
  readonly #sql: TableSql
  readonly #changes: RowChange[] = []
  readonly #firstKey: number
  #version: number
  #xid = ''
  committed: CommittedTransaction | undefined

  /** `number`: others have others. */
  constructor(session: HandSession, sql: TableSql, number: number) {
    this.#session = session
    this.#sql = sql
    this.#firstKey = OWN_KEYS + number * 10
    this.#version = OWN_VERSIONS + number * 1000
  }

  get xid(): string {
    return this.#xid
  }

  begin(): Promise<void> {
    return this.#session.begin()
  }

  insert(table: TableName): Promise<void> {
    return this.#write(table, this.#sql.insertRows)
  }

  /** Rows that were there from the start. */
  update(table: TableName): Promise<void> {
    return this.#write(table, this.#sql.updateRows)
  }

  /** Rows that were there from the start. */
  async remove(table: TableName): Promise<void> {
    const keys = [this.#firstKey + 4, this.#firstKey + 5]
    await this.#run(this.#sql.deleteRows(table, keys))
    for (const key of keys) this.#changes.push({ table, key, ver: null })
  }

  async #write(table: TableName, statement: TableSql['insertRows']): Promise<void> {
    const rows: Versioned[] = [0, 1, 2].map(i => ({ key: this.#firstKey + i, ver: ++this.#version }))
    await this.#run(statement(table, rows, 0))
    for (const row of rows) this.#changes.push({ table, ...row })
  }

  async #run(sql: string): Promise<void> {
    await this.#session.query(sql)
    this.#xid = await this.#session.xid()
  }

  async commit(): Promise<void> {
    await this.#session.query('COMMIT')
    this.committed = { xid: this.#xid, changes: this.#changes }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#session.end()
  }
}
