import { isUtf8 } from 'node:buffer'
import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { asBuffer, cellEnd, contentAt } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Captured } from './capture.ts'
import { originOf } from './definition.ts'
import { quoteIdentifier, quoteLiteral } from './quote.ts'

/**
 * Keys in SQL. The database alone compares them (R4.6), with the operators of the index that keeps them apart: sessions
 * have no search path, so that an operator of an extension would not be found by its sign.
 */

/** B-tree strategy numbers. */
const STRATEGIES = ['<', '<=', '=', '>=', '>'] as const
type Strategy = (typeof STRATEGIES)[number]

/** One column of a key. */
interface KeyColumn {
  /** Quoted. */
  readonly name: string
  readonly declared: string
  /** `OPERATOR("schema".<)` of each. */
  readonly operators: Readonly<Record<Strategy, string>>
}

/** How a table's keys are compared and ordered: its key columns, in key order. */
export type KeyOrder = readonly KeyColumn[]

/** Throws TABLE_WITHOUT_KEY if the index of the key is gone, LOAD_INTERRUPTED if the table is. */
export async function readKeyOrder(client: pg.ClientBase, { table, oid }: Captured): Promise<KeyOrder> {
  const { rows } = await client.query<{ operators: string }>(OPERATORS, [oid, JSON.stringify(originOf(table).key)])
  if (rows.length !== table.key.length || rows.length === 0)
    throw (await isThere(client, oid)) ? indexGone(table) : tableGone(table)
  return table.key.map((index, i) => {
    const { name, declared } = table.columns[index]!
    return { name: quoteIdentifier(name), declared, operators: operatorsOf(rows[i]!.operators) }
  })
}

/** Behind ORDER BY. */
export function orderByKey(order: KeyOrder): string {
  return order.map(({ name, operators }) => `${name} USING ${operators['<']}`).join(', ')
}

/** A condition on the columns of the table. */
export function compareKey(order: KeyOrder, sign: '<' | '>=', key: Uint8Array): string {
  const values = keyValues(order, key)
  const operator = order[0]!.operators[sign]
  // One row comparison is one condition of the index; it takes one operator for all of its columns.
  if (order.every(({ operators }) => operators[sign] === operator))
    return `(${order.map(({ name }) => name).join(', ')}) ${operator} (${values.join(', ')})`
  const strict = sign === '<' ? '<' : '>'
  const ways = order.map((column, last) => {
    const equal = order.slice(0, last).map(({ name, operators }, i) => `${name} ${operators['=']} ${values[i]}`)
    const here = last === order.length - 1 ? sign : strict
    return [...equal, `${column.name} ${column.operators[here]} ${values[last]}`].join(' AND ')
  })
  const bound = order[0]!.operators[sign === '<' ? '<=' : '>=']
  return `${order[0]!.name} ${bound} ${values[0]} AND (${ways.map(way => `(${way})`).join(' OR ')})`
}

/** The keys as a relation `alias` of columns n (their place), k0, k1 ... */
export function keyList(order: KeyOrder, keys: readonly Uint8Array[], alias: string): string {
  const rows = keys.map((key, i) => `(${i}, ${keyValues(order, key).join(', ')})`)
  return `(VALUES ${rows.join(', ')}) AS ${alias}(${['n', ...order.map((_, i) => `k${i}`)].join(', ')})`
}

/** The condition that joins a table to a `keyList`, each under its alias. */
export function joinKeys(order: KeyOrder, table: string, list: string): string {
  return order.map(({ name, operators }, i) => `${table}.${name} ${operators['=']} ${list}.k${i}`).join(' AND ')
}

function keyValues(order: KeyOrder, key: Uint8Array): string[] {
  const bytes = asBuffer(key)
  const contents: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    contents.push(literal(bytes[at]!, bytes.subarray(contentAt(bytes, at), end)))
    at = end
  }
  if (contents.length !== order.length)
    throw new TailraceError('LOAD_UNSUPPORTED', 'stop', 'A key was asked for that is none of the table.')
  return order.map(({ declared }, i) => `${contents[i]}::${declared}`)
}

/** Text that is not UTF-8 exists in databases without an encoding only. */
function literal(tag: number, content: Buffer): string {
  if (tag === CellTag.text && isUtf8(content)) return quoteLiteral(content.toString('utf8'))
  return `pg_catalog.convert_from('\\x${content.toString('hex')}'::pg_catalog.bytea, 'SQL_ASCII')`
}

/** For each column of the key, in order, the five operators of its index. */
const OPERATORS = `
  SELECT (
    SELECT json_agg(json_build_array(n.nspname, o.oprname) ORDER BY m.amopstrategy)
    FROM pg_catalog.pg_amop m
    JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
    JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
    WHERE m.amopfamily = c.opcfamily AND m.amoppurpose = 's'
      AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
  ) AS operators
  FROM (
    SELECT i.indclass, i.indnkeyatts FROM pg_catalog.pg_index i
    WHERE i.indrelid = $1::pg_catalog.oid AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
      AND array_to_json((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1])::text = $2
    ORDER BY i.indisreplident DESC, i.indisprimary DESC, i.indexrelid LIMIT 1
  ) key
  CROSS JOIN LATERAL unnest((key.indclass::pg_catalog.oid[])[0:key.indnkeyatts - 1]) WITH ORDINALITY AS class(oid, place)
  JOIN pg_catalog.pg_opclass c ON c.oid = class.oid
  ORDER BY class.place`

function operatorsOf(json: string): Record<Strategy, string> {
  const named = JSON.parse(json) as [schema: string, sign: string][]
  const written = named.map(([schema, sign]) => `OPERATOR(${quoteIdentifier(schema)}.${sign})`)
  return Object.fromEntries(STRATEGIES.map((strategy, i) => [strategy, written[i]!])) as Record<Strategy, string>
}

async function isThere(client: pg.ClientBase, oid: number): Promise<boolean> {
  const { rows } = await client.query('SELECT FROM pg_catalog.pg_class WHERE oid = $1::pg_catalog.oid', [oid])
  return rows.length > 0
}

function tableGone({ name }: Table): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `${name} was dropped, or is another table now.`, {
    hint: 'One that has its name is loaded by itself.',
  })
}

function indexGone(table: Table): TailraceError {
  return new TailraceError('TABLE_WITHOUT_KEY', 'stop', `The index of the key of ${table.name} is gone.`, {
    hint: 'Make it again: unique, on the same columns, not partial and not deferrable.',
  })
}
