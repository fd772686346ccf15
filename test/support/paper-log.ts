import type { Batch, LoadProgress, Position, Resume, SourceIdentity, Table } from '../../runtime/contract.ts'

/** One change as text. */
export interface Line {
  readonly transaction: string | undefined
  /** Where its commit stands. */
  readonly commit: string
  readonly index: number
  /** `kind table cells`, absent cells left out. */
  readonly text: string
}

export interface UnitRecord {
  /** Missing while the unit goes on. */
  position: Position | undefined
  readonly lines: Line[]
  readonly parts: number
}

/** Takes batches as a log does, and keeps what a test compares: lines, units and the resume. */
export class PaperLog {
  readonly units: UnitRecord[] = []
  readonly #tables = new Map<number, Table>()
  readonly #loads = new Map<string, LoadProgress>()
  #identity: SourceIdentity = {}
  #stream: Position | undefined
  #open: { lines: Line[]; tables: Table[]; parts: number } = { lines: [], tables: [], parts: 0 }

  /** `tables`: known from before. */
  constructor(tables: readonly Table[] = []) {
    for (const table of tables) this.#tables.set(table.id, table)
  }

  /** Throws if a row comes before its table. */
  append(batch: Batch): void {
    const open = this.#open
    open.parts++
    for (const change of batch) {
      const { kind, table } = change
      if (kind === 's') open.tables.push(table)
      else if (!this.#tables.has(table.id) && !open.tables.some(({ id }) => id === table.id))
        throw new Error(`a change of ${table.name} before its definition`)
      const isRow = kind !== 's' && kind !== 't'
      const row = isRow ? ` ${JSON.stringify(rowOf(change, table))}` : ''
      const { transaction, position: commit, index } = change
      open.lines.push({ transaction, commit, index, text: `${kind} ${table.name}${row}` })
    }
    const { end } = batch
    if (end === undefined) return
    for (const table of open.tables) this.#tables.set(table.id, table)
    if (end.identity !== undefined) this.#identity = end.identity
    if (end.lane === 'stream') this.#stream = end.position
    else this.#loads.set(end.lane.slice('load:'.length), end.progress)
    const position = end.lane === 'stream' ? end.position : undefined
    this.units.push({ position, lines: open.lines, parts: open.parts })
    this.#open = { lines: [], tables: [], parts: 0 }
  }

  /** As after a restart: a unit that was not ended is gone. */
  resume(): Resume | undefined {
    this.#open = { lines: [], tables: [], parts: 0 }
    if (this.units.length === 0) return undefined
    const tables = [...this.#tables.values()].sort((a, b) => a.id - b.id)
    const state = { loads: new Map(this.#loads), tables, identity: this.#identity, lineageFrom: 0n }
    return this.#stream === undefined ? state : { ...state, stream: this.#stream }
  }

  /** Everything that the stream brought in whole units. */
  get lines(): Line[] {
    return this.units.flatMap(unit => (unit.position === undefined ? [] : unit.lines))
  }

  /** The same without table definitions. */
  get rows(): Line[] {
    return this.lines.filter(({ text }) => !text.startsWith('s '))
  }

  get texts(): string[] {
    return this.rows.map(({ text }) => text)
  }

  /** Numbers of the transactions, in order. */
  get transactions(): string[] {
    return [...new Set(this.lines.flatMap(({ transaction }) => transaction ?? []))]
  }

  get position(): Position | undefined {
    return this.#stream
  }
}

function rowOf(change: { toObject(): Record<string, unknown>; key: Uint8Array; kind: string }, table: Table): unknown {
  if (change.kind === 'd') return Buffer.from(change.key).toString('latin1')
  const row = change.toObject()
  return table.columns.map(({ name }) => (typeof row[name] === 'bigint' ? String(row[name]) : row[name]))
}
