import type { LogSlice, Table } from '../contract.ts'
import { asBuffer, readU32LE, writeU32BE, writeU64BE } from '../record/cells.ts'
import { copyInto, EntryBuffer } from '../record/entry-buffer.ts'
import { At, CHANGE_KINDS, EntryKind, Flag, LONG } from '../record/layout.ts'
import { encodeTable } from '../record/schema.ts'
import { entries, entryLength } from '../record/slice.ts'
import { RecordView } from '../record/view.ts'
import { CellPicker } from './cell-picker.ts'
import { type Fate, fateOf } from './fate.ts'
import type { TableShape } from './table-shape.ts'

/** What a batch's entries are rewritten by. */
export interface Rewriting {
  /** By table id: its shape; undefined: it goes as it is; null: it is not asked for. */
  shapeOf(table: number): TableShape | undefined | null
  readonly tables: ReadonlyMap<number, Table>
  /** The sink wants every change. */
  readonly keepsHistory: boolean
}

export interface Rewritten {
  readonly slices: readonly LogSlice[]
  /** Changes of the tables asked for. */
  readonly count: number
}

const NO_CURSOR = (): never => {
  throw new Error('it is not asked for')
}

/** Whether any change in the slices is of a table that has a shape. */
export function hasShaped(slices: readonly LogSlice[], { shapeOf }: Pick<Rewriting, 'shapeOf'>): boolean {
  return slices.some(slice => {
    const bytes = asBuffer(slice.bytes)
    let last = 0
    for (const { at, kind } of entries(slice)) {
      const id = readU32LE(bytes, at + At.table)
      if (id === last || !CHANGE_KINDS.has(kind)) continue
      last = id
      if (shapeOf(id)) return true
    }
    return false
  })
}

/** The slices with their changes in shape, in fresh memory: each entry keeps its offset, its transaction and its time. */
export function rewrite(slices: readonly LogSlice[], by: Rewriting): Rewritten {
  const rewriter = new Rewriter(by)
  for (const slice of slices) rewriter.add(slice)
  return rewriter.end()
}

type Place = Omit<LogSlice, 'bytes'>

class Rewriter {
  readonly #by: Rewriting
  readonly #buffer = new EntryBuffer(LONG)
  readonly #places: Place[] = []
  readonly #view = new RecordView(NO_CURSOR)
  readonly #row = new CellPicker()
  readonly #before = new CellPicker()
  #count = 0

  constructor(by: Rewriting) {
    this.#by = by
  }

  add(slice: LogSlice): void {
    const bytes = asBuffer(slice.bytes)
    const buffer = this.#buffer
    this.#view.slice(slice)
    let transactionAt = -1
    if (slice.transactionAt !== -1) {
      transactionAt = buffer.at
      const end = slice.transactionAt + entryLength(bytes, slice.transactionAt, bytes.length)
      this.#copy(bytes, slice.transactionAt, end)
    }
    const from = buffer.at
    for (const { at, end, kind } of entries(slice)) this.#entry(bytes, at, end, kind)
    const { base, appendTime } = slice
    this.#places.push({ from, to: buffer.at, transactionAt, base, appendTime })
  }

  end(): Rewritten {
    const bytes = this.#buffer.handOver()
    return { slices: this.#places.map(place => ({ ...place, bytes })), count: this.#count }
  }

  #entry(bytes: Buffer, at: number, end: number, byte: number): void {
    const kind = CHANGE_KINDS.get(byte)
    if (kind === undefined) {
      this.#copy(bytes, at, end)
      return
    }
    const id = readU32LE(bytes, at + At.table)
    const shape = this.#by.shapeOf(id)
    if (shape === null) return
    if (shape === undefined || kind === 't') this.#copy(bytes, at, end)
    else if (kind === 's') this.#announce(bytes, at, shape.table)
    else {
      const view = this.#view
      view.move(kind, this.#by.tables.get(id)!, at, end)
      const fate = fateOf(view, shape, this.#by.keepsHistory)
      if (fate === 'none') return
      const isSame = shape.fields === undefined && shape.transformed === undefined
      if (isSame && fate === 'as it is') this.#copy(bytes, at, end)
      else this.#change(bytes, at, view, shape, fate)
    }
    this.#count++
  }

  #copy(bytes: Buffer, at: number, end: number): void {
    this.#buffer.entries = readU32LE(bytes, at + At.delta)
    this.#buffer.copy(bytes, at, end)
  }

  /** Of an entry with the header of the one at `at`; answers where its body goes. */
  #begin(bytes: Buffer, at: number, kind: number, flags: number, bodySize: number, keyLength = 0): number {
    const [table, index] = [readU32LE(bytes, at + At.table), readU32LE(bytes, at + At.index)]
    this.#buffer.entries = readU32LE(bytes, at + At.delta)
    return this.#buffer.entry(kind, flags, table, index, bodySize, 0, keyLength)
  }

  #announce(bytes: Buffer, at: number, table: Table): void {
    const body = encodeTable(table)
    const place = this.#begin(bytes, at, EntryKind.schema, bytes[at + At.flags]!, body.length)
    this.#buffer.bytes.set(body, place)
  }

  #change(bytes: Buffer, at: number, view: RecordView, shape: TableShape, fate: Fate): void {
    const { table, fields, transformed } = shape
    const source = this.#by.tables.get(table.id)!
    const hasCells = fate !== 'deleted' && view.kind !== 'd'
    const made = typeof fate === 'string' ? undefined : fate
    // The key that a row came from says nothing of its delete.
    const moved = fate === 'deleted' ? undefined : view.moved
    const { key } = view
    const hasBefore = view.hasBefore && transformed === undefined
    const [before, row] = [this.#before, this.#row]
    let flags = (bytes[at + At.flags]! & Flag.outside) | (key.length > 0 ? Flag.key : 0)
    let size = key.length
    if (moved !== undefined) {
      flags |= Flag.moved
      size += 4 + moved.length
    }
    if (hasBefore) {
      flags |= Flag.before
      before.take(view.beforeCells, source, fields)
      size += 8 + before.size
    }
    if (made !== undefined) size += key.length + made.length
    else if (hasCells) {
      row.take(view.cells, source, fields)
      size += row.size
    }
    if (!hasCells || made !== undefined || row.isComplete) flags |= Flag.complete
    let place = this.#begin(bytes, at, hasCells ? bytes[at + At.kind]! : EntryKind.delete, flags, size, key.length)
    const into = this.#buffer.bytes
    if (moved !== undefined) {
      writeU32BE(into, place, moved.length)
      place = copyInto(into, place + 4, moved, 0, moved.length)
    }
    place = copyInto(into, place, key, 0, key.length)
    if (hasBefore) {
      writeU64BE(into, place, before.size)
      place = before.write(into, place + 8)
    }
    if (made !== undefined) {
      // Cells of the key columns stand in front.
      place = copyInto(into, place, key, 0, key.length)
      copyInto(into, place, made, 0, made.length)
    } else if (hasCells) row.write(into, place)
  }
}
