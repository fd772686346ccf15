import type { Cursor, LoggedChange, SourceLog } from '../../runtime/contract.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { COMMITS } from './mysql-tables.ts'
import { isOracleTable, keyNumber, type TableName } from './tables.ts'

/** A change as the log holds it. */
export interface Logged {
  readonly table: TableName
  readonly key: number
  /** null: a delete. */
  readonly ver: number | null
  readonly index: number
}

export interface LoggedTransaction {
  readonly xid: string
  readonly position: string
  readonly changes: Logged[]
  /** At which advance it was read; a transaction is whole at a durable mark, so later ones add nothing. */
  readonly advance: number
}

export interface Loaded {
  readonly rows: Map<number, number>
  /** How often the table was emptied: an interrupted load begins again with a truncate. */
  restarts: number
}

/**
 * What the log of the source holds, read from outside up to its durable mark, again and again as it grows. Versions
 * that fall, transactions that go on behind a mark, and changes that come twice are noted on the way.
 */
export class Trail {
  readonly transactions = new Map<string, LoggedTransaction>()
  readonly loaded = new Map<TableName, Loaded>()
  /** Rows of a load came behind transactions: it was interrupted and went on beside the stream. */
  isLoadBeside = false
  /** Faults, in words. */
  readonly falls: string[] = []
  readonly torn: string[] = []
  readonly unlike: string[] = []
  duplicates = 0
  records = 0
  #advances = 0
  #cursor: Cursor | 'start' = 'start'
  readonly #names = new Map<string, string>()
  readonly #newest = new Map<string, number>()
  #current: LoggedTransaction | undefined

  /** Reads on to the durable end of `log`. Answers how many changes that brought. */
  async advance(log: Pick<SourceLog, 'end' | 'compare' | 'read'>): Promise<number> {
    const end = log.end()
    if (end === undefined || (this.#cursor !== 'start' && log.compare(this.#cursor, end) !== 'before')) return 0
    const before = this.records
    this.#advances++
    this.#current = undefined
    const done = new AbortController()
    try {
      for await (const batch of log.read(this.#cursor, () => true, done.signal)) {
        for (const change of batch) this.#take(change)
        this.#cursor = batch.cursor
        if (log.compare(batch.cursor, end) !== 'before') break
      }
    } finally {
      done.abort()
    }
    return this.records - before
  }

  #take(change: LoggedChange): void {
    const { kind, table } = change
    if (table.table === COMMITS && kind !== 's') this.#named(change)
    if (!isOracleTable(table.table)) return
    if (kind === 't') this.#empty(table.table)
    if (kind === 's' || kind === 'm' || kind === 't') return
    this.records++
    const key = keyNumber(table.table, keyTexts(change.key))
    const version = kind === 'd' ? null : Number(change.text(table.columns.findIndex(({ name }) => name === 'ver')))
    const logged: Logged = { table: table.table, key, ver: version, index: change.index }
    if (change.transaction === undefined) this.#takeLoaded(logged)
    else this.#takeStreamed(change, logged)
  }

  /** MySQL: what the writer calls the transaction, which its first row says. */
  #named({ transaction, key }: LoggedChange): void {
    if (transaction !== undefined) this.#names.set(transaction, keyTexts(key)[0]!)
  }

  #empty(table: TableName): void {
    this.loaded.set(table, { rows: new Map(), restarts: (this.loaded.get(table)?.restarts ?? 0) + 1 })
  }

  #takeLoaded({ table, key, ver }: Logged): void {
    let loaded = this.loaded.get(table)
    if (loaded === undefined) {
      loaded = { rows: new Map(), restarts: 0 }
      this.loaded.set(table, loaded)
    }
    if (this.transactions.size > 0) this.isLoadBeside = true
    if (loaded.rows.has(key)) this.duplicates++
    if (ver === null) this.unlike.push(`a load brought the delete of ${table}/${key}`)
    else loaded.rows.set(key, ver)
    this.#follow(table, key, ver)
  }

  #takeStreamed(change: LoggedChange, logged: Logged): void {
    const xid = this.#names.get(String(change.transaction)) ?? String(change.transaction)
    if (this.#current?.xid !== xid) {
      const known = this.transactions.get(xid)
      this.#current = known ?? { xid, position: change.position, changes: [], advance: this.#advances }
      if (known === undefined) this.transactions.set(xid, this.#current)
      else this.#current = this.#again(known, change)
    }
    const current = this.#current
    const last = current.changes.at(-1)
    if (last === undefined || logged.index > last.index) {
      if (current.advance !== this.#advances) this.torn.push(`transaction ${xid} went on behind a durable mark`)
      current.changes.push(logged)
      this.#follow(logged.table, logged.key, logged.ver)
      return
    }
    this.duplicates++
    const former = current.changes.find(({ index }) => index === logged.index)
    if (former === undefined || current.position !== change.position || !isSame(former, logged))
      this.unlike.push(`transaction ${xid}, change ${logged.index}, came twice and differs`)
  }

  /** A transaction that begins a second time: at its first change, and nowhere else. */
  #again(known: LoggedTransaction, change: LoggedChange): LoggedTransaction {
    if (change.index !== known.changes[0]?.index)
      this.torn.push(`transaction ${known.xid} goes on at change ${change.index} behind another one`)
    return known
  }

  #follow(table: TableName, key: number, ver: number | null): void {
    if (ver === null) return
    const name = `${table}/${key}`
    const newest = this.#newest.get(name)
    if (newest !== undefined && ver < newest) this.falls.push(`${name} fell from version ${newest} to ${ver}`)
    if (newest === undefined || ver > newest) this.#newest.set(name, ver)
  }
}

function isSame(a: Logged, b: Logged): boolean {
  return a.table === b.table && a.key === b.key && a.ver === b.ver
}
