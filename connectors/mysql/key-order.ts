import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { asBuffer, cellEnd, contentAt } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { quoteName } from './quote.ts'
import { parseDeclared } from './values/declared.ts'
import { keyLiteral, rawKeyLiteral } from './values/key-literal.ts'

/** How a table's keys are compared and ordered. The database alone compares them (R4.6): its collations decide. */

/** One column of a key. */
interface KeyColumn {
  /** Quoted. */
  readonly name: string
  /** What its literals are compared with. */
  readonly compared: string
  readonly declared: string
  /** Of an ENUM; else 0. */
  readonly labels: number
}

/** The key columns, in key order. */
export type KeyOrder = readonly KeyColumn[]

export function keyOrder(table: Pick<Table, 'key' | 'columns'>): KeyOrder {
  return table.key.map(index => {
    const { name, declared } = table.columns[index]!
    const quoted = quoteName(name)
    const type = parseDeclared(declared)
    const isWide = type.name === 'set' && type.labels.length > EXACT_BITS
    return {
      name: quoted,
      compared: isWide ? `CAST(${quoted} AS UNSIGNED)` : quoted,
      declared,
      labels: type.name === 'enum' ? type.labels.length : 0,
    }
  })
}

/** A SET is compared with a number as numbers with a point are. */
const EXACT_BITS = 53

/** Behind ORDER BY. ENUM and SET are sorted by their numbers, which their literals are. */
export function orderByKey(order: KeyOrder): string {
  return order.map(({ name }) => name).join(', ')
}

/** The condition that a row's key lies behind this one, or before. The first column bounds what is read of the index. */
export function compareKey(order: KeyOrder, sign: '>' | '>=' | '<', key: Uint8Array): string {
  const values = keyValues(order, key)
  const strict = sign === '<' ? '<' : '>'
  const ways = order.map((column, last) => {
    const equal = order.slice(0, last).map(({ compared }, i) => `${compared} = ${values[i]}`)
    const here = last === order.length - 1 ? sign : strict
    return [...equal, `${column.compared} ${here} ${values[last]}`].join(' AND ')
  })
  const bound = boundOf(order[0]!, sign === '<' ? '<=' : '>=', values[0]!)
  return order.length === 1 && order[0]!.labels === 0
    ? ways[0]!
    : `${bound} AND (${ways.map(way => `(${way})`).join(' OR ')})`
}

/** More labels would make a long statement. */
const MOST_LABELS = 200

/** What the server finds in an index: of an ENUM single values, but no range of them. */
function boundOf({ compared, labels }: KeyColumn, sign: '<=' | '>=', value: string): string {
  if (labels === 0 || labels > MOST_LABELS) return `${compared} ${sign} ${value}`
  const [from, to] = sign === '<=' ? [0, Number(value)] : [Number(value), labels]
  return `${compared} IN (${Array.from({ length: to - from + 1 }, (_, i) => from + i).join(', ')})`
}

/**
 * The condition of the rows with one of these keys, and perhaps of others that the database takes for equal. Each value
 * is compared with its column alone: MariaDB compares rows of text in other character sets wrongly.
 */
export function anyOfKeys(order: KeyOrder, keys: readonly Uint8Array[]): string {
  const all = keys.map(key => keyValues(order, key))
  if (order.length === 1) return `${order[0]!.compared} IN (${all.map(([value]) => value).join(', ')})`
  const ways = all.map(values => order.map(({ compared }, i) => `${compared} = ${values[i]}`).join(' AND '))
  return `(${ways.map(way => `(${way})`).join(' OR ')})`
}

function keyValues(order: KeyOrder, key: Uint8Array): string[] {
  const bytes = asBuffer(key)
  const values: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    const column = order[values.length]
    if (column === undefined) throw foreignKey()
    const content = bytes.subarray(contentAt(bytes, at), end)
    const isText = bytes[at] === CellTag.text
    values.push(isText ? keyLiteral(column.declared, content.toString()) : rawKeyLiteral(content))
    at = end
  }
  if (values.length !== order.length) throw foreignKey()
  return values
}

function foreignKey(): TailraceError {
  return new TailraceError('LOAD_UNSUPPORTED', 'stop', 'A key was asked for that is none of the table.')
}
