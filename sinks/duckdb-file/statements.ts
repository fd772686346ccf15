import { quote } from './database.ts'
import { isLive, type Layout, namesOf, Own, rowKey, tableName } from './layout.ts'
import type { RowGroup } from './row-set.ts'

/** SQL over rows that a statement reads from `from`, as c0, c1 and so on. */

const list = (names: readonly string[]): string => names.map(quote).join(', ')
const columns = (count: number): string => Array.from({ length: count }, (_, i) => `c${i}`).join(', ')

/** Whole rows, new or in the place of those with their keys. */
export function putRows(layout: Layout, group: RowGroup, from: string): string {
  const names = namesOf(layout, group.table)
  const marks = hasMarks(layout)
  return `INSERT OR REPLACE INTO ${tableName(layout)} (${list(marks ? [...names, Own.deleted] : names)})
    SELECT ${columns(names.length)}${marks ? ', false' : ''} FROM ${from}`
}

/** Of whole rows, those whose keys are there: in place, so that the file does not grow by what they replace. */
export function replaceRows(layout: Layout, group: RowGroup, from: string): string {
  const names = namesOf(layout, group.table)
  const set = names.flatMap((name, i) => (layout.key.includes(name) ? [] : `${quote(name)} = b.c${i}`))
  if (hasMarks(layout)) set.push(`${quote(Own.deleted)} = false`)
  return `UPDATE ${tableName(layout)} AS t SET ${set.join(', ')} FROM ${from} AS b WHERE ${isKeyAmong(names, layout)}`
}

/** Makes room for whole rows. */
export function clearRows(layout: Layout, group: RowGroup, from: string): string {
  return `DELETE FROM ${tableName(layout)} AS t USING ${from} AS b WHERE ${isKeyAmong(namesOf(layout, group.table), layout)}`
}

/** Of whole rows, those whose keys are not there; `isNew`: that is all of them. */
export function addRows(layout: Layout, group: RowGroup, from: string, isNew: boolean): string {
  const names = namesOf(layout, group.table)
  const marks = hasMarks(layout)
  const isThere = `SELECT 1 FROM ${tableName(layout)} AS t WHERE ${isKeyAmong(names, layout)}`
  return `INSERT INTO ${tableName(layout)} (${list(marks ? [...names, Own.deleted] : names)})
    SELECT ${columns(names.length)}${marks ? ', false' : ''} FROM ${from} AS b
    ${isNew ? '' : `WHERE NOT EXISTS (${isThere})`}`
}

/** Rows of which only some columns are known: the others keep what they hold. */
export function patchRows(layout: Layout, group: RowGroup, from: string): string {
  const all = namesOf(layout, group.table)
  const names = group.columns.map(i => all[i]!)
  const set = names.filter(name => !layout.key.includes(name)).map(name => `${quote(name)} = excluded.${quote(name)}`)
  const marks = hasMarks(layout)
  if (marks) set.push(`${quote(Own.deleted)} = false`)
  return `INSERT INTO ${tableName(layout)} (${list(marks ? [...names, Own.deleted] : names)})
    SELECT ${columns(names.length)}${marks ? ', false' : ''} FROM ${from}
    ON CONFLICT (${list(layout.key)}) ${set.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${set.join(', ')}`}`
}

export function removeRows(layout: Layout, from: string): string {
  return `DELETE FROM ${tableName(layout)} AS t USING ${from} AS b WHERE ${isKey(layout)}`
}

/** `names`: the columns that the rows have, with whether they count. Only rows that deletes have marked, if `isMarked`. */
export function purgeRows(layout: Layout, names: readonly string[], from: string, isMarked: boolean): string {
  const isSame = names.map((name, i) => `t.${quote(name)} = b.c${i}`).join(' AND ')
  const isGone = isMarked ? ` AND NOT (${isLive(layout)})` : ''
  return `DELETE FROM ${tableName(layout)} AS t USING ${from} AS b
    WHERE b.c${names.length} AND ${isSame}${isGone}`
}

export function markRows(layout: Layout, from: string): string {
  return `UPDATE ${tableName(layout)} AS t SET ${quote(Own.deleted)} = true FROM ${from} AS b WHERE ${isKey(layout)}`
}

/** `own`: names of the sink's own columns, which come first. `isNew`: none of these changes is there yet. */
export function appendRows(
  layout: Layout,
  group: RowGroup,
  own: readonly string[],
  from: string,
  isNew: boolean,
): string {
  const names = [...own, ...namesOf(layout, group.table)]
  const place = (name: string): string => `c${own.indexOf(name)}`
  const known = `SELECT 1 FROM ${tableName(layout)} AS t WHERE t.${quote(Own.log)} = b.${place(Own.log)}
    AND t.${quote(Own.version)} = b.${place(Own.version)}`
  const keys = group.table.key.map(i => {
    const name = quote(names[own.length + i]!)
    return ` AND t.${name} IS NOT DISTINCT FROM b.c${own.length + i}`
  })
  return `INSERT INTO ${tableName(layout)} (${list(names)}) SELECT ${columns(names.length)} FROM ${from} AS b
    ${isNew ? '' : `WHERE NOT EXISTS (${known}${keys.join('')})`}`
}

/** Rows with columns as `text.ts` reads them; `from` is the table, as t, or a join of it. */
export function selectRows(first: readonly string[], exact: readonly string[], from: string, layout: Layout): string {
  return `SELECT ${[...first, ...exact].join(', ')} FROM ${from} WHERE ${isLive(layout)}`
}

/** The table joined with rows that begin with keys. */
export function joinedByKey(layout: Layout, rows: string): string {
  return `${rows} AS b JOIN ${tableName(layout)} AS t ON ${isKey(layout)}`
}

/** Where the rows' columns have these names. */
function isKeyAmong(names: readonly string[], { key }: Layout): string {
  return key.map(name => `t.${quote(name)} = b.c${names.indexOf(name)}`).join(' AND ')
}

/** Where the rows begin with the key. */
function isKey(layout: Layout): string {
  return rowKey(layout)
    .map((name, i) => `t.${quote(name)} = b.c${i}`)
    .join(' AND ')
}

export function hasMarks({ columns }: Layout): boolean {
  return columns.some(({ source, name }) => source === undefined && name === Own.deleted)
}
