import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogBatch, LoggedChange, Table, WriteResult } from '../../runtime/contract.ts'
import { asBuffer, cellEnd } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { isRowChange } from '../../runtime/record/row-change.ts'
import type { Held } from './catalog.ts'
import { completed, type Former } from './former.ts'
import { KeyBytes } from './keys.ts'
import { columnsOf, type LayoutColumn, type LayoutOptions, ownColumns } from './layout.ts'
import { keyForms } from './reader.ts'
import { RowBytes } from './row-bytes.ts'
import type { SpareMemory } from './spare-memory.ts'
import { sqlType } from './storage.ts'

/** Rows that one INSERT brings. */
export interface Group {
  readonly held: Held
  /** Of the columns, in the order of the rows' values. */
  readonly names: readonly string[]
  readonly rows: RowBytes
}

export interface EncoderOptions extends LayoutOptions {
  readonly logId: string
  readonly onDelete: 'delete' | 'mark' | 'ignore'
}

export interface Encoded {
  readonly groups: readonly Group[]
  readonly rejected: WriteResult['rejected']
}

/** Of tables without a key, and of a history: whether this change is there already. */
export type IsWritten = (held: Held, version: bigint) => boolean

/** What is known of a version of a table. */
interface Known {
  readonly held: Held
  readonly columns: readonly LayoutColumn[]
  readonly isKeyed: boolean
  readonly keys: KeyBytes
  readonly group: Group
}

/** Changes after which others get their turn. */
const STRIDE = 1024

/** Turns one batch into rows in RowBinary. */
export class Encoder {
  readonly #options: EncoderOptions
  readonly #former: Former
  readonly #isWritten: IsWritten
  readonly #memory: SpareMemory
  readonly #known = new Map<number, Known>()
  /** Rows made of a former one have all columns of their table. By that. */
  readonly #whole = new Map<string, Group>()

  constructor(options: EncoderOptions, former: Former, isWritten: IsWritten, memory: SpareMemory) {
    this.#options = options
    this.#former = former
    this.#isWritten = isWritten
    this.#memory = memory
  }

  /** `heldOf`: where a table's rows go; undefined: they are of no use any more. */
  async encode(
    batch: LogBatch,
    skip: ReadonlySet<number> | undefined,
    heldOf: (table: Table) => Held | undefined,
    signal: AbortSignal,
  ): Promise<Encoded> {
    const rejected: { index: number; reason: string }[] = []
    let next = 0
    for (const change of batch) {
      const index = next++
      if (next % STRIDE === 0) {
        await nextTurn()
        signal.throwIfAborted()
      }
      if (skip?.has(index) === true || !(isRowChange(change) || (this.#options.history && change.kind === 't')))
        continue
      const held = heldOf(change.table)
      if (held === undefined) continue
      const wrong = this.#add(change, this.#knownOf(change.table, held))
      if (wrong !== undefined) rejected.push({ index, reason: reasonOf(change.table, wrong) })
    }
    const groups = [...[...this.#known.values()].map(({ group }) => group), ...this.#whole.values()]
    return { groups: groups.filter(({ rows }) => rows.rows > 0), rejected }
  }

  #knownOf(table: Table, held: Held): Known {
    let known = this.#known.get(table.id)
    if (known === undefined) {
      const columns = columnsOf(held.layout, table)
      const isKeyed = held.layout.key.length > 0
      known = { held, columns, isKeyed, keys: new KeyBytes(keyForms(held)), group: this.#newGroup(held, columns) }
      this.#known.set(table.id, known)
    }
    return known
  }

  #newGroup(held: Held, columns: readonly LayoutColumn[]): Group {
    const own = ownColumns(held.layout.key.length > 0, this.#options)
    return {
      held,
      names: [...columns.map(({ name }) => name), ...own],
      rows: new RowBytes(columns, this.#memory.take()),
    }
  }

  /** Answers a column that cannot hold its value, if there is one. */
  #add(change: LoggedChange, known: Known): LayoutColumn | undefined {
    const { held, columns, isKeyed, group } = known
    if (!isKeyed) return this.#isWritten(held, change.version) ? undefined : this.#append(change, columns, group)
    const { onDelete } = this.#options
    // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
    const isGone = change.kind === 'd' && (onDelete === 'delete' || change.moved !== undefined)
    if (change.kind === 'd' && onDelete === 'ignore' && !isGone) return undefined
    const key = this.#former.isEmpty ? undefined : known.keys.of(change.key)
    const isBuiltOn = key !== undefined && this.#former.has(held, key)
    if (isGone) {
      if (isBuiltOn) this.#former.set(held, key, undefined)
      return this.#addKey(change, known)
    }
    if (isBuiltOn) return this.#complete(change, known, key)
    const at = group.rows.at
    const wrong = columns[group.rows.putRow(asBuffer(change.cells))]
    if (wrong !== undefined) group.rows.back(at)
    else this.#endRow(group.rows, change.version, false, false)
    return wrong
  }

  #endRow(rows: RowBytes, version: bigint, isGone: boolean, isMarked: boolean): void {
    rows.putUint64(version)
    rows.putByte(isGone ? 1 : 0)
    if (this.#options.marks) rows.putByte(isMarked ? 1 : 0)
    rows.rows++
  }

  /** A row that says that there is none under its key. */
  #addKey({ key, table, version }: LoggedChange, { columns, group }: Known): LayoutColumn | undefined {
    const { rows } = group
    const from = rows.at
    const wrong = putKey(key, table, columns, rows)
    if (wrong !== undefined) rows.back(from)
    else this.#endRow(rows, version, true, false)
    return wrong
  }

  #complete(change: LoggedChange, { held, columns }: Known, key: Buffer): LayoutColumn | undefined {
    const before = this.#former.get(held, key)
    const isMark = change.kind === 'd'
    if (isMark && before === undefined) return undefined
    const { values, wrong } = isMark ? { values: before!.values, wrong: undefined } : completed(held, change, before)
    if (wrong !== undefined) return columns[wrong]
    this.#former.set(held, key, { values, isMarked: isMark })
    const { rows } = this.#wholeOf(held)
    values.forEach((value, i) => {
      rows.putValue(i, value)
    })
    this.#endRow(rows, change.version, false, isMark)
    return undefined
  }

  #wholeOf(held: Held): Group {
    const name = JSON.stringify(held.at)
    let group = this.#whole.get(name)
    if (group === undefined) {
      group = this.#newGroup(held, held.layout.columns)
      this.#whole.set(name, group)
    }
    return group
  }

  /** A change as a row of its own: of a delete the key, of a truncate nothing. */
  #append(change: LoggedChange, columns: readonly LayoutColumn[], { rows }: Group): LayoutColumn | undefined {
    const from = rows.at
    const { kind, key, table, version } = change
    const isRow = kind !== 'd' && kind !== 't'
    const wrong = isRow ? columns[rows.putRow(asBuffer(change.cells))] : putKey(key, table, columns, rows)
    if (wrong !== undefined) {
      rows.back(from)
      return wrong
    }
    rows.putString(this.#options.logId)
    rows.putUint64(version)
    rows.rows++
    if (!this.#options.history) return undefined
    rows.putString(kind)
    rows.putUint64(BigInt.asUintN(64, change.commitTime))
    rows.putOptional(change.transaction)
    rows.putStrings(isRow && !change.complete ? absentOf(change) : [])
    return undefined
  }
}

/** The cells of a key, and nothing in the other columns. */
function putKey(
  key: Uint8Array,
  table: Table,
  columns: readonly LayoutColumn[],
  rows: RowBytes,
): LayoutColumn | undefined {
  const bytes = asBuffer(key)
  const starts: number[] = []
  for (let at = 0; at < bytes.length; at = cellEnd(bytes, at, bytes.length)) starts.push(at)
  let wrong = -1
  columns.forEach((_, i) => {
    const start = starts[table.key.indexOf(i)]
    if (start === undefined) rows.putNull(i)
    else if (!rows.putCell(i, bytes, start, cellEnd(bytes, start, bytes.length))) wrong = i
  })
  return columns[wrong]
}

/** Names of the columns that a row did not carry. */
function absentOf(change: LoggedChange): string[] {
  return change.table.columns.filter((_, i) => change.tag(i) === CellTag.absent).map(({ name }) => name)
}

function reasonOf(table: Table, { source, storage }: LayoutColumn): string {
  return `Column "${source}" of ${table.name} is ${sqlType(storage)}, which has no such value. \`asText\` of the sink keeps it as text.`
}
