import type { LogBatch, LoggedChange, WriteResult } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { keyText } from '../record/key.ts'
import type { QuarantinedRow } from '../status.ts'

/** A change that a target refused. Its values stay in the log alone. */
export interface Refusal {
  readonly source: string
  /** Full name. */
  readonly table: string
  readonly incarnation: number
  /** Canonical bytes, base64; empty for a table without a key. */
  readonly key: string
  /** Text of a number. */
  readonly version: string
  readonly reason: string
  /** ISO 8601. */
  readonly at: string
}

export interface QuarantineLimits {
  readonly most: number
  /** A refused change waits for itself, not for a newer one of its row. */
  readonly keepsHistory: boolean
}

/** Which rows are meant; without anything all. */
export interface RowChoice {
  readonly table?: string
  /** As `keyText` writes them. */
  readonly keys?: readonly string[]
}

/**
 * The changes that a sink's target refused, until a newer one of their row takes their place, or they are written. Each is
 * on disk before the sink's cursor passes it.
 */
export class Quarantine {
  readonly #rows = new Map<string, Refusal>()
  readonly #write: (rows: readonly Refusal[]) => Promise<void>
  /** One write after the other: several sources have one file. */
  #written: Promise<void> = Promise.resolve()

  /** `store`: durable when it resolves. */
  constructor(rows: readonly Refusal[], store: (rows: readonly Refusal[]) => Promise<void>) {
    this.#write = store
    for (const row of rows) this.#rows.set(idOf(row), row)
  }

  get count(): number {
    return this.#rows.size
  }

  get rows(): readonly Refusal[] {
    return [...this.#rows.values()]
  }

  /** Takes in what a target refused of a batch. Throws SINK_REJECTED where the sink is to stop at it. */
  async put(
    source: string,
    batch: LogBatch,
    rejected: WriteResult['rejected'],
    { most, keepsHistory }: QuarantineLimits,
  ): Promise<void> {
    const reasons = new Map(rejected.map(({ index, reason }) => [index, reason]))
    const before = new Map(this.#rows)
    let index = 0
    for (const change of batch) {
      const reason = reasons.get(index++)
      if (reason === undefined) continue
      const row = refusalOf(source, change, reason, keepsHistory)
      this.#rows.set(idOf(row), row)
    }
    if (this.#rows.size > most) {
      this.#rows.clear()
      for (const [id, row] of before) this.#rows.set(id, row)
      throw full(rejected[0]!.reason, most)
    }
    await this.#store(this.rows)
  }

  /** Lets go of rows that newer changes of this batch have replaced: all of its changes but those in `except` are in. */
  async applied(
    source: string,
    batch: LogBatch,
    except: ReadonlySet<number> | undefined,
    { keepsHistory }: QuarantineLimits,
  ): Promise<void> {
    if (!this.rows.some(row => row.source === source)) return
    const before = this.#rows.size
    let index = 0
    for (const change of batch) {
      const place = index++
      const { name, incarnation } = change.table
      if (change.kind === 't' && !keepsHistory) this.#remove(row => row.table === name)
      else if (change.kind === 's') this.#remove(row => row.table === name && row.incarnation < incarnation)
      else if (isRow(change) && except?.has(place) !== true) this.#replaced(refusalOf(source, change, '', keepsHistory))
    }
    if (this.#rows.size !== before) await this.#store(this.rows)
  }

  /** Lets go of all that this is true of. Answers how many there were. */
  async drop(isMeant: (row: Refusal) => boolean): Promise<number> {
    const removed = this.#remove(isMeant)
    if (removed > 0) await this.#store(this.rows)
    return removed
  }

  /** Takes the place of what another one holds. */
  async replace(rows: readonly Refusal[]): Promise<void> {
    if (this.#rows.size === 0 && rows.length === 0) return
    this.#rows.clear()
    for (const row of rows) this.#rows.set(idOf(row), row)
    await this.#store(this.rows)
  }

  #store(rows: readonly Refusal[]): Promise<void> {
    const writing = this.#written.then(() => this.#write(rows))
    this.#written = writing.catch(() => {})
    return writing
  }

  /** By a change that is as new at least. */
  #replaced(by: Refusal): void {
    const id = idOf(by)
    const row = this.#rows.get(id)
    if (row !== undefined && BigInt(row.version) <= BigInt(by.version)) this.#rows.delete(id)
  }

  #remove(isMeant: (row: Refusal) => boolean): number {
    const meant = [...this.#rows].filter(([, row]) => isMeant(row))
    for (const [id] of meant) this.#rows.delete(id)
    return meant.length
  }
}

export function isChosen({ table, keys }: RowChoice, row: Refusal): boolean {
  if (table !== undefined && row.table !== table) return false
  return keys === undefined || keys.includes(shownRow(row).key)
}

export function shownRow({ source, table, key, version, reason, at }: Refusal): QuarantinedRow {
  return { source, table, key: key === '' ? '' : keyText(Buffer.from(key, 'base64')), version, reason, at }
}

function refusalOf(source: string, change: LoggedChange, reason: string, keepsHistory: boolean): Refusal {
  const { name: table, incarnation } = change.table
  const key = keepsHistory ? '' : Buffer.from(change.key).toString('base64')
  return { source, table, incarnation, key, version: String(change.version), reason, at: new Date().toISOString() }
}

/** One of each row; of what has no key, or waits for itself, of each change. */
function idOf({ source, table, incarnation, key, version }: Refusal): string {
  return JSON.stringify([source, table, incarnation, key === '' ? version : key])
}

function isRow({ kind }: LoggedChange): boolean {
  return kind === 'c' || kind === 'r' || kind === 'u' || kind === 'd'
}

function full(reason: string, most: number): TailraceError {
  return new TailraceError('SINK_REJECTED', 'stop', `The target refused more than ${most} rows, the last: ${reason}`, {
    hint: 'tailrace quarantine list shows them. Mend the cause, then resume the sink, which goes on at this batch; or raise maxQuarantined.',
  })
}
