import type { Held } from './catalog.ts'
import type { Client } from './client.ts'
import { isShown, type LayoutOptions, rowKey } from './layout.ts'
import { sqlName } from './names.ts'
import type { ColumnForm } from './row-bytes.ts'
import { type RowValues, rowsOf } from './row-values.ts'
import { quote, READING, text } from './sql.ts'

/** Rows asked for at first, and at most, and what an answer should have. */
const FIRST = 64
const MOST = 10_000
const WISHED_BYTES = 1024 * 1024
/** An answer with more is cut off, and asked for in parts. */
const ANSWER_BYTES = 8 * 1024 * 1024
/** Of keys in one statement, which has them in hex. */
const KEY_BYTES = 64 * 1024

/** What is read of a table. */
export interface Shape {
  readonly held: Held
  /** Those of the key, in key order. */
  readonly key: readonly ColumnForm[]
  readonly columns: readonly (ColumnForm & { readonly name: string })[]
  readonly condition: string
}

export const KEY_OF_KEYLESS: readonly ColumnForm[] = [
  { storage: { kind: 'text' }, isNullable: false },
  { storage: { kind: 'uint64' }, isNullable: false },
]

/** How the keys of a table stand in RowBinary. */
export function keyForms({ layout: { key, columns } }: Held): readonly ColumnForm[] {
  return key.length === 0 ? KEY_OF_KEYLESS : key.map(name => columns.find(column => column.name === name)!)
}

export function shapeOf(held: Held, columns: Shape['columns'], options: LayoutOptions, marked = false): Shape {
  return { held, key: keyForms(held), columns, condition: marked ? '1' : isShown(held.layout, options) }
}

/** A row: its key as RowBinary, and its columns. */
export interface FoundRow {
  readonly key: Buffer
  readonly keyValues: RowValues
  readonly values: RowValues
}

/** Rows by their keys in RowBinary, in no order; in groups of some MB. */
export async function* rowsByKeys(
  client: Client,
  shape: Shape,
  keys: readonly Buffer[],
  signal: AbortSignal,
): AsyncGenerator<readonly FoundRow[]> {
  const { held, condition } = shape
  const names = rowKey(held.layout).map(({ name }) => quote(name))
  let count = FIRST
  for (let from = 0; from < keys.length; ) {
    const wanted = takeKeys(keys, from, count)
    const sql = `${select(shape)} WHERE ${condition} AND (${names.join(', ')}) IN (SELECT * FROM ${given(held, wanted)})`
    const limit = wanted.length === 1 ? Number.POSITIVE_INFINITY : ANSWER_BYTES
    const bytes = await client.page(`${sql} ${READING} FORMAT RowBinary`, signal, limit)
    if (bytes === undefined) {
      count = Math.ceil(wanted.length / 4)
      continue
    }
    yield found(shape, bytes)
    from += wanted.length
    count = nextCount(count, bytes.length / wanted.length)
  }
}

/** All rows in the order of their keys; what changes meanwhile may be seen or not. In groups of some MB. */
export async function* allRows(client: Client, shape: Shape, signal: AbortSignal): AsyncGenerator<readonly FoundRow[]> {
  const { held, condition } = shape
  const names = rowKey(held.layout).map(({ name }) => quote(name))
  const order = `ORDER BY ${names.join(', ')}`
  let count = FIRST
  let last: Buffer | undefined
  for (;;) {
    const [after, within] = last === undefined ? ['', '1'] : behind(held, names, last)
    const sql = `${after}${select(shape)} WHERE ${condition} AND ${within} ${order} LIMIT ${count}`
    const limit = count === 1 ? Number.POSITIVE_INFINITY : ANSWER_BYTES
    const bytes = await client.page(`${sql} ${READING} FORMAT RowBinary`, signal, limit)
    if (bytes === undefined) {
      count = Math.ceil(count / 4)
      continue
    }
    const rows = found(shape, bytes)
    if (rows.length > 0) yield rows
    if (rows.length < count) return
    last = rows.at(-1)!.key
    count = nextCount(count, bytes.length / rows.length)
  }
}

function select({ held, columns }: Shape): string {
  const names = [...rowKey(held.layout).map(({ name }) => name), ...columns.map(({ name }) => name)]
  // A column may be of the key and asked for as well: an alias each.
  const each = names.map((name, i) => `t.${quote(name)} AS _tailrace_${i}`)
  return `SELECT ${each.join(', ')} FROM ${sqlName(held.at)} AS t FINAL`
}

/** The condition that a row comes behind this key, with what goes in front of the query. */
function behind(held: Held, names: readonly string[], key: Buffer): [string, string] {
  const part = (i: number): string => `tupleElement(_tailrace_after, ${i + 1})`
  const columns = names.map((_, i) => `k${i}`).join(', ')
  // The first part alone tells the server where to begin.
  const later = names.map((name, i) => {
    const same = names.slice(0, i).map((other, j) => `${other} = ${part(j)} AND `)
    return `(${same.join('')}${name} > ${part(i)})`
  })
  return [
    `WITH (SELECT tuple(${columns}) FROM ${given(held, [key])}) AS _tailrace_after `,
    `${names[0]} >= ${part(0)} AND (${later.join(' OR ')})`,
  ]
}

/** Keys as a table, as they stand in RowBinary: no text of theirs is read by the server. */
function given({ layout }: Held, keys: readonly Buffer[]): string {
  const columns = rowKey(layout).map(({ type }, i) => `k${i} ${type}`)
  return `format(RowBinary, ${text(columns.join(', '))}, unhex('${Buffer.concat(keys).toString('hex')}'))`
}

function takeKeys(keys: readonly Buffer[], from: number, count: number): readonly Buffer[] {
  let to = from
  let bytes = 0
  while (to < keys.length && to - from < count) {
    bytes += keys[to]!.length
    if (bytes > KEY_BYTES && to > from) break
    to++
  }
  return keys.slice(from, to)
}

function nextCount(count: number, size: number): number {
  return Math.max(1, Math.min(MOST, 4 * count, Math.floor(WISHED_BYTES / Math.max(1, size))))
}

function found({ key, columns }: Shape, bytes: Buffer): FoundRow[] {
  return Array.from(rowsOf(bytes, [...key, ...columns]), row => {
    const keyValues = row.slice(0, key.length)
    return { key: Buffer.concat(keyValues as Buffer[]), keyValues, values: row.slice(key.length) }
  })
}
