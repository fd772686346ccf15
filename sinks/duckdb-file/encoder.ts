import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Kind, LogBatch, LoggedChange, Table, WriteResult } from '../../runtime/contract.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { type GroupKind, Groups } from '../common/groups.ts'
import { NOTHING, roundsOf } from '../common/rounds.ts'
import { timestampText } from '../common/times.ts'
import { type LayoutOptions, OWN_STORAGE, Own, ownColumns, storageIn } from './layout.ts'
import { type RowGroup, RowSet } from './row-set.ts'
import { type Storage, sqlType } from './storage.ts'

export interface Encoded {
  /** In the order to be applied. */
  readonly groups: readonly RowGroup[]
  /** Versions that were announced, in the log's order. */
  readonly tables: readonly Table[]
  /** Tables to empty first: a truncate comes alone. */
  readonly truncated: readonly Table[]
  readonly rejected: WriteResult['rejected']
}

export interface EncoderOptions extends LayoutOptions {
  readonly logId: string
  readonly onDelete: 'delete' | 'mark' | 'ignore'
}

/** Changes after which others get their turn. */
const STRIDE = 1024

/** Turns batches into rows as the database holds them. */
export class Encoder {
  readonly #options: EncoderOptions
  /** The sink's own columns where every change is a row. */
  readonly #own: readonly string[]
  readonly #storages = new WeakMap<Table, readonly Storage[]>()
  readonly #log: Buffer
  /** Of the change before: mostly those of the next one too. */
  #time: { micros: bigint; bytes: Buffer } = { micros: 0n, bytes: Buffer.from(timestampText(0n, '+00')) }
  #transaction: { text: string; bytes: Buffer } = { text: '', bytes: Buffer.alloc(0) }

  constructor(options: EncoderOptions) {
    this.#options = options
    this.#log = Buffer.from(options.logId)
    this.#own = ownColumns(false, options)
  }

  async encode(batch: LogBatch, skip: ReadonlySet<number> | undefined, signal: AbortSignal): Promise<Encoded> {
    const { history, onDelete } = this.#options
    const rounds = history ? undefined : roundsOf(batch, skip, onDelete)
    const groups = new Groups<RowSet>((...shape) => this.#newRows(...shape))
    const tables: Table[] = []
    const truncated: Table[] = []
    const rejected: { index: number; reason: string }[] = []
    let next = 0
    for (const change of batch) {
      const index = next++
      if (next % STRIDE === 0) {
        await nextTurn()
        signal.throwIfAborted()
      }
      const { kind, table } = change
      if (kind === 'm' || skip?.has(index) === true) continue
      if (kind === 's') tables.push(table)
      else if (kind === 't' && !history) truncated.push(table)
      else if (rounds === undefined || rounds[index] !== NOTHING) {
        const reason = this.#add(change, rounds?.[index] ?? 0, groups)
        if (reason !== undefined) rejected.push({ index, reason })
      }
    }
    return { groups: groups.inOrder(), tables, truncated, rejected }
  }

  /** Answers why the row cannot be held, if it cannot. */
  #add(change: LoggedChange, round: number, groups: Groups<RowSet>): string | undefined {
    const { table } = change
    const kind = this.#kindOf(change)
    const columns = kind === 'patch' ? table.columns.flatMap((_, i) => (isAbsent(change, i) ? [] : i)) : undefined
    const group = groups.of(round, table, kind, columns)
    const wrong = kind === 'append' ? this.#append(change, group) : put(change, group)
    group.rows.endRow()
    if (wrong === undefined) return undefined
    const type = sqlType(this.#storagesOf(table)[wrong]!)
    return `Column "${table.columns[wrong]!.name}" is ${type}, which has no such value. \`asText\` of the sink keeps it as text.`
  }

  #kindOf({ kind, complete, table }: LoggedChange): GroupKind {
    if (this.#options.history || table.key.length === 0) return 'append'
    if (kind === 'd') return 'remove'
    return complete ? 'put' : 'patch'
  }

  #newRows(table: Table, kind: GroupKind, columns: readonly number[]): RowSet {
    const storages = this.#storagesOf(table)
    const own = kind === 'append' ? this.#own.map(name => OWN_STORAGE[name]!) : []
    return new RowSet([...own, ...columns.map(i => storages[i]!)])
  }

  #storagesOf(table: Table): readonly Storage[] {
    let storages = this.#storages.get(table)
    if (storages === undefined) {
      storages = table.columns.map(column => storageIn(table, column, this.#options))
      this.#storages.set(table, storages)
    }
    return storages
  }

  /** A change as a row of its own: of a delete the key, of a truncate nothing. */
  #append(change: LoggedChange, group: RowGroup): number | undefined {
    this.#addOwn(change, group)
    const { rows, columns } = group
    const first = this.#own.length
    const { kind, key, table } = change
    if (kind !== 'd' && kind !== 't') return placed(rows.putCells(change.cells, first, true))
    const texts = key.length === 0 ? [] : keyTexts(key)
    let wrong: number | undefined
    for (const column of columns)
      if (!rows.putText(first + column, texts[table.key.indexOf(column)] ?? null)) wrong ??= column
    return wrong
  }

  #addOwn(change: LoggedChange, group: RowGroup): void {
    const { version, kind, commitTime } = change
    const { rows } = group
    const { first, last } = group.versions ?? { first: version, last: version }
    group.versions = { first: version < first ? version : first, last: version > last ? version : last }
    if (commitTime !== this.#time.micros)
      this.#time = { micros: commitTime, bytes: Buffer.from(timestampText(commitTime, '+00')) }
    this.#own.forEach((name, i) => {
      if (name === Own.log) rows.putBytes(i, this.#log)
      else if (name === Own.version) rows.putText(i, String(version))
      else if (name === Own.kind) rows.putBytes(i, KINDS[kind])
      else if (name === Own.committedAt) rows.putBytes(i, this.#time.bytes)
      else if (name === Own.transaction) this.#putTransaction(rows, i, change.transaction)
      else rows.putText(i, absentOf(change))
    })
  }

  #putTransaction(rows: RowSet, column: number, text: string | undefined): void {
    if (text === undefined) rows.putText(column, null)
    else {
      if (text !== this.#transaction.text) this.#transaction = { text, bytes: Buffer.from(text) }
      rows.putBytes(column, this.#transaction.bytes)
    }
  }
}

const KINDS = Object.fromEntries([...'crudtms'].map(kind => [kind, Buffer.from(kind)])) as Record<Kind, Buffer>

/** A row, or of a removal its key. Answers the place of a column that cannot hold its value, if there is one. */
function put({ key, cells, table }: LoggedChange, { rows, kind }: RowGroup): number | undefined {
  if (kind !== 'remove') return placed(rows.putCells(cells, 0, false))
  const wrong = placed(rows.putCells(key, 0, false))
  return wrong === undefined ? undefined : table.key[wrong]
}

function placed(wrong: number): number | undefined {
  return wrong === -1 ? undefined : wrong
}

/** Names of the columns that a row did not carry, as an array's text; null if it has them all. */
function absentOf(change: LoggedChange): string | null {
  if (change.complete || change.kind === 'd' || change.kind === 't') return null
  const names = change.table.columns.filter((_, i) => isAbsent(change, i)).map(({ name }) => name)
  return `{${names.map(name => `"${name.replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}

function isAbsent(change: LoggedChange, column: number): boolean {
  return change.tag(column) === CellTag.absent
}
