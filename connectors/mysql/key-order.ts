import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { asBuffer, cellEnd, contentAt } from '../../runtime/record/cells.ts'
import { quoteName } from './quote.ts'
import { keyLiteral } from './values/key-literal.ts'

/** How a table's keys are compared and ordered. The database alone compares them (R4.6): its collations decide. */

/** One column of a key. */
interface KeyColumn {
  /** Quoted. */
  readonly name: string
  readonly declared: string
}

/** The key columns, in key order. */
export type KeyOrder = readonly KeyColumn[]

export function keyOrder(table: Pick<Table, 'key' | 'columns'>): KeyOrder {
  return table.key.map(index => {
    const { name, declared } = table.columns[index]!
    return { name: sortable(quoteName(name), declared), declared }
  })
}

/** ENUM and SET are sorted by number and compared as text: as numbers they are both. */
function sortable(name: string, declared: string): string {
  return /^(enum|set)\(/.test(declared) ? `(${name} + 0)` : name
}

/** Behind ORDER BY. */
export function orderByKey(order: KeyOrder): string {
  return order.map(({ name }) => name).join(', ')
}

/** The condition that a row's key lies behind this one, or before. The first column bounds what is read of the index. */
export function compareKey(order: KeyOrder, sign: '>' | '>=' | '<', key: Uint8Array): string {
  const values = keyValues(order, key)
  const strict = sign === '<' ? '<' : '>'
  if (order.length === 1) return `${order[0]!.name} ${sign} ${values[0]}`
  const ways = order.map((column, last) => {
    const equal = order.slice(0, last).map(({ name }, i) => `${name} = ${values[i]}`)
    const here = last === order.length - 1 ? sign : strict
    return [...equal, `${column.name} ${here} ${values[last]}`].join(' AND ')
  })
  const bound = sign === '<' ? '<=' : '>='
  return `${order[0]!.name} ${bound} ${values[0]} AND (${ways.map(way => `(${way})`).join(' OR ')})`
}

/** Of the rows with these keys, and perhaps of others that the database takes for equal. */
export function anyOfKeys(order: KeyOrder, keys: readonly Uint8Array[]): string {
  const tuple = (parts: readonly string[]): string => (parts.length === 1 ? parts[0]! : `(${parts.join(', ')})`)
  return `${tuple(order.map(({ name }) => name))} IN (${keys.map(key => tuple(keyValues(order, key))).join(', ')})`
}

function keyValues(order: KeyOrder, key: Uint8Array): string[] {
  const bytes = asBuffer(key)
  const values: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    const column = order[values.length]
    if (column === undefined) throw foreignKey()
    values.push(keyLiteral(column.declared, bytes.toString('utf8', contentAt(bytes, at), end)))
    at = end
  }
  if (values.length !== order.length) throw foreignKey()
  return values
}

function foreignKey(): TailraceError {
  return new TailraceError('LOAD_UNSUPPORTED', 'stop', 'A key was asked for that is none of the table.')
}
