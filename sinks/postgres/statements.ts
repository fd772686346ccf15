import type { Layout, LayoutColumn } from './layout.ts'
import { columnsOf, hasMarks, isLive, OWN_STORAGE, Own, quote, rowKey, tableName } from './layout.ts'
import type { RowGroup } from './row-groups.ts'
import { castOf, comparedAs } from './storage.ts'

/** SQL over rows that come as arrays of texts, one for each column: $1 is r.c0, and so on. */

const list = (names: readonly string[]): string => names.map(quote).join(', ')

/** Rows of `columns` texts, as r. */
function arrays(columns: number): string {
  const places = Array.from({ length: columns }, (_, i) => i)
  return `unnest(${places.map(i => `$${i + 1}::text[]`).join(', ')}) AS r(${places.map(i => `c${i}`).join(', ')})`
}

function cast(column: string, type: string): string {
  return type === '' ? column : `${column}::${type}`
}

/** What the rows of a group hold, in the order of their texts. */
export function writtenColumns(layout: Layout, { kind, table, columns }: RowGroup): LayoutColumn[] {
  const all = columnsOf(layout, table)
  const own = kind === 'append' ? OWN_KEY : []
  return [...own, ...columns.map(i => all[i]!)]
}

const OWN_KEY: readonly LayoutColumn[] = [Own.log, Own.version].map(name => ({ name, storage: OWN_STORAGE[name]! }))

/** Rows, new or in the place of those with their keys: of a put all their columns, of a patch those that came. */
export function putRows(layout: Layout, group: RowGroup): string {
  const columns = writtenColumns(layout, group)
  const names = columns.map(({ name }) => name)
  const values = columns.map(({ storage }, i) => cast(`r.c${i}`, castOf(storage)))
  const set = names.filter(name => !layout.key.includes(name)).map(name => `${quote(name)} = excluded.${quote(name)}`)
  if (hasMarks(layout)) {
    names.push(Own.deleted)
    values.push('false')
    set.push(`${quote(Own.deleted)} = false`)
  }
  const isNothing = group.kind === 'append' || set.length === 0
  return `INSERT INTO ${tableName(layout)} (${list(names)}) SELECT ${values.join(', ')} FROM ${arrays(columns.length)}
    ON CONFLICT (${list(rowKey(layout).map(({ name }) => name))}) DO ${isNothing ? 'NOTHING' : `UPDATE SET ${set.join(', ')}`}`
}

/** The same rows in COPY's text form, none of which may be there. */
export function copyRows(layout: Layout, group: RowGroup): string {
  return `COPY ${tableName(layout)} (${list(writtenColumns(layout, group).map(({ name }) => name))}) FROM STDIN`
}

export function removeRows(layout: Layout): string {
  const key = rowKey(layout)
  return `DELETE FROM ${tableName(layout)} AS t USING ${arrays(key.length)} WHERE ${isKey(key)}`
}

/** Only those that deletes have marked, if `isMarked`. */
export function purgeRows(layout: Layout, isMarked: boolean): string {
  return `${removeRows(layout)}${isMarked ? ` AND t.${quote(Own.deleted)}` : ''}`
}

export function markRows(layout: Layout): string {
  const key = rowKey(layout)
  return `UPDATE ${tableName(layout)} AS t SET ${quote(Own.deleted)} = true FROM ${arrays(key.length)} WHERE ${isKey(key)}`
}

/** A text read as the column would read it. */
export function probe({ storage }: LayoutColumn): string {
  return `SELECT ${cast('$1::text', castOf(storage) || 'text')}`
}

/** `values` of the rows with these keys, each behind the place of its key among those asked for. */
export function selectByKey(layout: Layout, values: readonly string[]): string {
  const key = rowKey(layout)
  const rows = arrays(key.length + 1)
  return `SELECT ${[`r.c${key.length}`, ...values].join(', ')} FROM ${rows} JOIN ${tableName(layout)} AS t
    ON ${isKey(key)} WHERE ${isLive(layout)}`
}

/** `values` of up to `limit` rows in the order of their keys; with `isBehind`, behind the key in $1 and so on. */
export function selectPage(layout: Layout, values: readonly string[], isBehind: boolean, limit: number): string {
  const key = rowKey(layout)
  const order = key.map(({ name }) => `t.${quote(name)}`).join(', ')
  const last = key.map(({ storage }, i) => cast(`$${i + 1}::text`, comparedAs(storage))).join(', ')
  const behind = isBehind ? ` AND (${order}) > (${last})` : ''
  return `SELECT ${values.join(', ')} FROM ${tableName(layout)} AS t WHERE ${isLive(layout)}${behind}
    ORDER BY ${order} LIMIT ${limit}`
}

function isKey(key: readonly LayoutColumn[]): string {
  return key.map(({ name, storage }, i) => `t.${quote(name)} = ${cast(`r.c${i}`, comparedAs(storage))}`).join(' AND ')
}
