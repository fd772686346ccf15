import { createHash } from 'node:crypto'
import type { ChangeView, LoggedChange, SinkRow, Table } from '../../runtime/contract.ts'
import { asBuffer } from '../../runtime/record/cells.ts'
import { jsonRoom, writeRow } from '../../runtime/record/json.ts'
import { keyFromText, keyFromTexts, keyText } from '../../runtime/record/key.ts'
import { type ExactJson, textOfJson } from '../../runtime/record/text.ts'
import { DELETED } from './mapping.ts'
import { fieldNames } from './names.ts'

/** Bytes of an id, the engines' limit. */
const LONGEST_ID = 512
/** In front of a hash in the place of a key that makes no id. */
const HASHED = '%#'

/** Rows of one version of a table as documents, and back. */
export class RowDocuments {
  readonly table: Table
  readonly #logId: string
  readonly #marks: boolean
  /** The table with its fields as columns. */
  readonly #fields: Table

  constructor(table: Table, logId: string, marks: boolean) {
    this.table = table
    this.#logId = logId
    this.#marks = marks
    const names = fieldNames(table)
    this.#fields = { ...table, columns: table.columns.map((column, i) => ({ ...column, name: names[i]! })) }
  }

  idOf(change: LoggedChange): string {
    return this.table.key.length === 0 ? `${this.#logId}|${change.version}` : idOf(change.key)
  }

  /** Of a key as `get` has it: that of a table without one is log and version. */
  idOfKey(key: Uint8Array): string {
    return this.table.key.length === 0 ? keyText(key) : idOf(key)
  }

  /** Bytes that `write` may need. */
  room(change: ChangeView): number {
    return jsonRoom(change)
  }

  /** Answers the position behind the document, or -1 if `into` is too small. */
  write({ cells }: ChangeView, into: Uint8Array, at: number): number {
    return writeRow(this.#fields, asBuffer(cells), cells.length === 0 ? -1 : 0, cells.length, into, at)
  }

  /** Undefined if it is marked as deleted. */
  rowOf(id: string, source: { readonly [field: string]: ExactJson }): SinkRow | undefined {
    const members = new Map(Object.entries(source))
    if (this.#marks && members.get(DELETED) === true) return undefined
    const cells = new Map<string, string | null>()
    this.#fields.columns.forEach((field, i) => {
      const value = members.get(field.name)
      if (value !== undefined) cells.set(this.table.columns[i]!.name, textOfJson(field, value))
    })
    const key = this.#keyOf(id, cells)
    if (key === undefined || this.idOfKey(key) !== id)
      return { key: keyFromTexts([id]), cells: new Map(), foreign: true }
    return { key, cells }
  }

  #keyOf(id: string, cells: SinkRow['cells']): Uint8Array | undefined {
    const { key, columns } = this.table
    if (!id.startsWith(HASHED)) return keyFromText(id, key.length || 2)
    const texts = key.map(i => cells.get(columns[i]!.name))
    return texts.every(text => text !== undefined && text !== null) ? keyFromTexts(texts as string[]) : undefined
  }
}

/** Different keys of a table have different ids. */
function idOf(key: Uint8Array): string {
  const text = keyText(key)
  const isId = text !== '' && !text.startsWith(HASHED) && Buffer.byteLength(text) <= LONGEST_ID
  return isId ? text : HASHED + createHash('sha256').update(key).digest('base64url')
}
