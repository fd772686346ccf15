import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { asBuffer, cellEnd, contentAt } from '../../runtime/record/cells.ts'
import { quoteName } from './quote.ts'
import { isOrderedByNumber, keyLiteral, orderLiteral } from './values/key-literal.ts'

/** How a table's keys are compared and ordered. The database alone compares them (R4.6): its collations decide. */

/** One column of a key. */
interface KeyColumn {
  /** Quoted: what is equal to a literal. */
  readonly name: string
  /** What ORDER BY, `<` and `>` take. */
  readonly ordered: string
  readonly declared: string
}

/** The key columns, in key order. */
export type KeyOrder = readonly KeyColumn[]

export function keyOrder(table: Pick<Table, 'key' | 'columns'>): KeyOrder {
  return table.key.map(index => {
    const { name, declared } = table.columns[index]!
    const quoted = quoteName(name)
    return { name: quoted, ordered: isOrderedByNumber(declared) ? `(${quoted} + 0)` : quoted, declared }
  })
}

/** Behind ORDER BY. */
export function orderByKey(order: KeyOrder): string {
  return order.map(({ ordered }) => ordered).join(', ')
}

/** The condition that a row's key lies behind this one, or before. The first column bounds what is read of the index. */
export function compareKey(order: KeyOrder, sign: '>' | '>=' | '<', key: Uint8Array): string {
  const values = keyValues(order, key, keyLiteral)
  const bounds = keyValues(order, key, orderLiteral)
  const strict = sign === '<' ? '<' : '>'
  if (order.length === 1) return `${order[0]!.ordered} ${sign} ${bounds[0]}`
  const ways = order.map((column, last) => {
    const equal = order.slice(0, last).map(({ name }, i) => `${name} = ${values[i]}`)
    const here = last === order.length - 1 ? sign : strict
    return [...equal, `${column.ordered} ${here} ${bounds[last]}`].join(' AND ')
  })
  const bound = sign === '<' ? '<=' : '>='
  return `${order[0]!.ordered} ${bound} ${bounds[0]} AND (${ways.map(way => `(${way})`).join(' OR ')})`
}

/** Of the rows with these keys, and perhaps of others that the database takes for equal. */
export function anyOfKeys(order: KeyOrder, keys: readonly Uint8Array[]): string {
  const tuple = (parts: readonly string[]): string => (parts.length === 1 ? parts[0]! : `(${parts.join(', ')})`)
  return `${tuple(order.map(({ name }) => name))} IN (${keys.map(key => tuple(keyValues(order, key, keyLiteral))).join(', ')})`
}

function keyValues(order: KeyOrder, key: Uint8Array, literal: typeof keyLiteral): string[] {
  const bytes = asBuffer(key)
  const values: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    const column = order[values.length]
    if (column === undefined) throw foreignKey()
    values.push(literal(column.declared, bytes.toString('utf8', contentAt(bytes, at), end)))
    at = end
  }
  if (values.length !== order.length) throw foreignKey()
  return values
}

function foreignKey(): TailraceError {
  return new TailraceError('LOAD_UNSUPPORTED', 'stop', 'A key was asked for that is none of the table.')
}
