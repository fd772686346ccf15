import type { Fence, Position, TransactionId } from '../../runtime/contract.ts'
import type { Random } from '../crash/random.ts'

/** A change of a row: its new `big` is not sent where it stays what it was. */
export interface PaperChange {
  readonly key: string
  /** undefined: deleted. */
  readonly row: { readonly n: string; readonly big: string } | undefined
  readonly sendsBig: boolean
}

export interface PaperTransaction {
  readonly id: number
  readonly truncates: boolean
  readonly changes: readonly PaperChange[]
}

export interface PaperRow {
  readonly n: string
  readonly big: string
}

/**
 * One table as PostgreSQL keeps it: the stream has a transaction as soon as it stands in the WAL, a snapshot only once
 * its commit is visible, which may be much later and in another order. Until then it keeps its rows locked.
 */
export class PaperDatabase {
  /** By their place in the WAL. */
  readonly wal: PaperTransaction[] = []
  /** Not visible yet. */
  readonly hidden = new Set<number>()
  readonly #locked = new Map<string, number>()
  #next = 100

  /** What one transaction of random changes would do now; rows locked by others are left alone. */
  commit(random: Random, keys: number, isLate: boolean): void {
    const id = this.#next++
    const rows = this.rows(() => true)
    const changes: PaperChange[] = []
    const mine = new Set<string>()
    for (let i = 1 + random.between(0, 4); i > 0; i--) {
      const key = String(1000 + random.between(0, keys))
      if (this.#locked.has(key) || mine.has(key)) continue
      mine.add(key)
      const old = rows.get(key)
      if (old !== undefined && random.chance(0.3)) changes.push({ key, row: undefined, sendsBig: false })
      else {
        const sendsBig = old === undefined || random.chance(0.3)
        const big = sendsBig ? `big ${id} ${'x'.repeat(random.between(0, 50))}` : old!.big
        changes.push({ key, row: { n: String(id), big }, sendsBig })
      }
    }
    this.#write({ id, truncates: false, changes }, isLate)
  }

  /** One transaction that writes one row; without `big` that stays what it is, and is not sent. */
  put(key: string, big: string | undefined, isLate: boolean): void {
    const id = this.#next++
    const row = { n: String(id), big: big ?? this.rows(() => true).get(key)!.big }
    this.#write({ id, truncates: false, changes: [{ key, row, sendsBig: big !== undefined }] }, isLate)
  }

  /** Waits for everything, as its lock does. */
  truncate(isLate: boolean): void {
    this.reveal()
    this.#write({ id: this.#next++, truncates: true, changes: [] }, isLate)
    if (isLate) this.#locked.set('*', this.wal.at(-1)!.id)
  }

  get isTruncating(): boolean {
    return this.#locked.has('*')
  }

  /** Without an event: as rows vanish with a partition that is dropped. */
  lose(key: string): void {
    this.#lost.add(key)
  }
  readonly #lost = new Set<string>()

  /** Another value of a row without an event: as a statement rewrites a table. */
  alter(key: string, big: string): void {
    this.#altered.push({ at: this.wal.length, key, big })
  }
  readonly #altered: { readonly at: number; readonly key: string; readonly big: string }[] = []

  #write(transaction: PaperTransaction, isLate: boolean): void {
    this.wal.push(transaction)
    for (const { key } of transaction.changes) this.#lost.delete(key)
    if (!isLate) return
    this.hidden.add(transaction.id)
    for (const { key } of transaction.changes) this.#locked.set(key, transaction.id)
  }

  /** Some of the hidden transactions become visible, by default all. */
  reveal(choose: (id: number) => boolean = () => true): void {
    for (const id of [...this.hidden]) {
      if (!choose(id)) continue
      this.hidden.delete(id)
      for (const [key, by] of [...this.#locked]) if (by === id) this.#locked.delete(key)
    }
  }

  /** The rows that the transactions leave which are seen. */
  rows(isSeen: (id: number) => boolean): Map<string, PaperRow> {
    const rows = new Map<string, PaperRow>()
    const alter = (now: number): void => {
      for (const { at, key, big } of this.#altered) {
        const row = rows.get(key)
        if (at === now && row !== undefined) rows.set(key, { ...row, big })
      }
    }
    for (const [at, { id, truncates, changes }] of this.wal.entries()) {
      alter(at)
      if (!isSeen(id)) continue
      if (truncates) rows.clear()
      for (const { key, row } of changes) {
        if (row === undefined) rows.delete(key)
        else rows.set(key, row)
      }
    }
    alter(this.wal.length)
    for (const key of this.#lost) rows.delete(key)
    return rows
  }

  snapshot(): { readonly fence: Fence; readonly rows: ReadonlyMap<string, PaperRow> } {
    const running = [...this.hidden]
    const fence = {
      data: JSON.stringify({ next: this.#next, running }),
      high: String(this.wal.length) as Position,
    }
    return { fence, rows: this.rows(id => !this.hidden.has(id)) }
  }
}

export function paperSees({ data }: Fence, transaction: TransactionId): boolean {
  const { next, running } = JSON.parse(data) as { next: number; running: number[] }
  return Number(transaction) < next && !running.includes(Number(transaction))
}
