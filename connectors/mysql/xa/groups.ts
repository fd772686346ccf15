import { unreadable } from '../binlog/binlog-error.ts'
import { EventType } from '../binlog/event-types.ts'
import type { Xa } from '../ddl/kinds.ts'
import type { PreparedTransactions } from './prepared.ts'
import type { Spool } from './spool.ts'

export interface XaOptions {
  readonly prepared: PreparedTransactions
  /** Whether the TABLE_MAP is of a table that is, or may be, captured. */
  readonly concerns: (bytes: Buffer, at: number, end: number) => boolean
  /** Takes events that were kept as if they came now. */
  readonly replay: (chunks: AsyncIterable<Buffer>) => Promise<void>
  /** Rows have changed that were logged before the stream began. */
  readonly unseen: () => Promise<void>
}

/** The XA transaction that the group at hand prepares, commits or rolls back. */
export class XaGroups {
  readonly #options: XaOptions
  #spool: Spool | undefined
  #xid = ''
  #outcome: 'prepared' | 'ended' | undefined
  #isConcerned = false
  /** What had to be waited for is done: the event that is given again needs no more of it. */
  #isSettled = false
  /** Set when a method answered false: settles when it can be called again with the same. */
  pending: Promise<void> | undefined

  constructor(options: XaOptions) {
    this.#options = options
  }

  /** The group's rows are only prepared. */
  get isOpen(): boolean {
    return this.#spool !== undefined
  }

  /** Some of them are, or may be, of captured tables. */
  get isConcerned(): boolean {
    return this.#isConcerned
  }

  /** XA START, or what stands for it. `transaction`: the group's. */
  begin(xid: string, transaction: string): void {
    if (this.#spool !== undefined) throw unreadable('an XA transaction begins inside another one')
    this.#spool = this.#options.prepared.spool(xid, transaction)
    this.#xid = xid
    this.#isConcerned = false
  }

  /** A TABLE_MAP or rows of what is prepared. */
  take(type: number, bytes: Buffer, at: number, end: number): boolean {
    const added = this.#spool!.add(type, bytes, at, end)
    if (added !== undefined) {
      this.pending = added
      return false
    }
    if (type === EventType.tableMap && !this.#isConcerned) this.#isConcerned = this.#options.concerns(bytes, at, end)
    return true
  }

  /** XA_PREPARE: the rows are kept, or written at once where nothing else follows. Throws XA_FILE. */
  prepare(isOnePhase: boolean): boolean {
    const { prepared, replay } = this.#options
    const spool = this.#spool
    if (spool === undefined) throw unreadable('an XA transaction is prepared that did not begin')
    if (!this.#once(() => (isOnePhase ? replay(spool.chunks()) : prepared.keep(spool)))) return false
    if (isOnePhase) prepared.drop(spool)
    else this.#outcome = 'prepared'
    this.#spool = undefined
    return true
  }

  /** A statement of the group `transaction`. Throws XA_FILE and XA_LOST. */
  statement({ action, xid }: Xa, transaction: string): boolean {
    if (action === 'commit' || action === 'rollback') return this.#end(xid, action === 'commit')
    if (action === 'start') this.begin(xid, transaction)
    return true
  }

  /** XA COMMIT or XA ROLLBACK of what was prepared before. */
  #end(xid: string, isCommit: boolean): boolean {
    if (this.#spool !== undefined) throw unreadable('an XA transaction ends inside another one')
    const { prepared, replay, unseen } = this.#options
    if (isCommit) {
      const isDone = this.#once(() => {
        const rows = prepared.rows(xid)
        return rows === undefined ? unseen() : replay(rows)
      })
      if (!isDone) return false
    }
    this.#xid = xid
    this.#outcome = 'ended'
    return true
  }

  /** The group has ended. `transaction`: as it was called. */
  commit(transaction: string): void {
    if (this.#outcome === 'prepared') this.#options.prepared.prepared(this.#xid, transaction)
    else if (this.#outcome === 'ended') this.#options.prepared.ended(this.#xid)
    this.#outcome = undefined
    this.#isConcerned = false
  }

  async close(): Promise<void> {
    await this.#spool?.close()
  }

  #once(work: () => Promise<void>): boolean {
    if (this.#isSettled) {
      this.#isSettled = false
      return true
    }
    this.pending = work().then(() => {
      this.#isSettled = true
    })
    return false
  }
}
