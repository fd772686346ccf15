/**
 * The oracle's tables: three kinds of key, and cells that all follow from key and version, so that a row which mixes
 * two versions shows. Keys are numbered from 0 within a table. The version of rows that were there from the start is 0.
 */
export const TABLES = ['by_number', 'by_text', 'by_pair'] as const
export type TableName = (typeof TABLES)[number]

/** Beyond what a double holds exactly. */
const FIRST_NUMBER = 9_007_199_254_740_993n

/** Behind the key's number in a text key: what escaping, quoting and comparing may trip over. */
const TAILS = ['', "'", '"', '\\', '%', '|', '\n', 'é', '日本', '😀', ' ', '.', '*', '{}', '\t', ':']

const KEY_COLUMNS: Readonly<Record<TableName, readonly string[]>> = {
  by_number: ['k'],
  by_text: ['k'],
  by_pair: ['a', 'b'],
}

const KEY_TYPES: Readonly<Record<TableName, readonly string[]>> = {
  by_number: ['bigint'],
  by_text: ['text'],
  by_pair: ['int', 'text'],
}

/** Column, type, and its value from `key` (text), version `v` and `size`. */
const CELLS: readonly (readonly [name: string, type: string, value: string])[] = [
  ['ver', 'bigint NOT NULL', 'v'],
  ['body', 'text', 'md5(key || v)'],
  ['txid', 'bigint', 'pg_current_xact_id()::text::bigint'],
  ['txn_size', 'int', 'size'],
  ['amount', 'numeric(30,6)', '(v + 0.000001) / 8'],
  ['ratio', 'float8', "CASE v % 7 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE v / 3.0::float8 END"],
  ['flag', 'boolean', 'CASE v % 3 WHEN 0 THEN NULL ELSE v % 3 = 1 END'],
  ['at', 'timestamptz', "timestamptz '1999-12-31 23:59:59.999999+00' + v * interval '1.000001 s'"],
  ['day', 'date', "date '0044-03-15 BC' + (v % 1000000)::int"],
  ['doc', 'jsonb', "jsonb_build_object('key', key, 'ver', v, 'none', NULL)"],
  ['raw', 'bytea', "decode(md5(key || v), 'hex')"],
  ['tags', 'text[]', "ARRAY[key, NULL, 'a\"b,{c}']"],
  ['id', 'uuid', 'md5(key || v)::uuid'],
]

export function keyColumns(table: TableName): readonly string[] {
  return KEY_COLUMNS[table]
}

/** All columns in their order. */
export function columns(table: TableName): string[] {
  return [...keyColumns(table), ...CELLS.map(([name]) => name)]
}

/** The key's columns as text. */
export function keyTexts(table: TableName, key: number): string[] {
  if (table === 'by_number') return [String(FIRST_NUMBER + BigInt(key))]
  const text = `${key}${TAILS[key % TAILS.length]}`
  return table === 'by_text' ? [text] : [String((key % 51) - 25), text]
}

/** The number of a key from its columns' texts. Throws if it is not a key of the oracle. */
export function keyNumber(table: TableName, texts: readonly (string | null)[]): number {
  const key = table === 'by_number' ? Number(BigInt(texts[0]!) - FIRST_NUMBER) : Number.parseInt(texts.at(-1)!, 10)
  const own = keyTexts(table, key)
  if (own.length !== texts.length || own.some((text, i) => text !== texts[i]))
    throw new Error(`${table} holds a key that nobody wrote: ${JSON.stringify(texts)}`)
  return key
}

export function isOracleTable(name: string): name is TableName {
  return (TABLES as readonly string[]).includes(name)
}

/** Makes the tables; in `by_number` with this many rows of version 0. */
export function createTables(rows: number): string {
  const tables = TABLES.map(table => {
    const keys = keyColumns(table).map((name, i) => `${name} ${KEY_TYPES[table][i]}`)
    const cells = CELLS.map(([name, type]) => `${name} ${type}`)
    return `CREATE TABLE ${table} (${[...keys, ...cells].join(', ')}, PRIMARY KEY (${keyColumns(table).join(', ')}));`
  })
  const fill = `INSERT INTO by_number SELECT k, ${values()} FROM (SELECT k, k::text AS key, 0::bigint AS v, 0 AS size
    FROM generate_series(${FIRST_NUMBER}, ${FIRST_NUMBER + BigInt(rows) - 1n}) k) w;`
  return `${tables.join('\n')}\n${fill}\nANALYZE;`
}

/** How a database is told to do it. */
export interface TableSql {
  insertRows(table: TableName, rows: readonly Versioned[], size: number): string
  updateRows(table: TableName, rows: readonly Versioned[], size: number): string
  moveRow(table: TableName, from: number, to: Versioned, size: number): string
  deleteRows(table: TableName, keys: readonly number[]): string
  readonly subtransaction: Readonly<Record<'savepoint' | 'release' | 'undo', string>>
}

export interface Versioned {
  readonly key: number
  readonly ver: number
}

/** One statement that inserts these rows, in this order. */
export function insertRows(table: TableName, rows: readonly Versioned[], size: number): string {
  const names = keyColumns(table).join(', ')
  return `INSERT INTO ${table} (${columns(table).join(', ')}) SELECT ${names}, ${values()} FROM ${given(table, rows, size)}`
}

/** One statement that gives these rows their new versions. */
export function updateRows(table: TableName, rows: readonly Versioned[], size: number): string {
  const same = keyColumns(table).map(name => `t.${name} = w.${name}`)
  return `UPDATE ${table} t SET ${assignments()} FROM ${given(table, rows, size)} WHERE ${same.join(' AND ')}`
}

/** A primary-key change. */
export function moveRow(table: TableName, from: number, to: Versioned, size: number): string {
  const keys = keyColumns(table).map(name => `${name} = w.${name}`)
  const [old] = literals(table, from)
  const key = keyColumns(table).map(name => `t.${name}`)
  return `UPDATE ${table} t SET ${keys.join(', ')}, ${assignments()} FROM ${given(table, [to], size)} WHERE (${key.join(', ')}) = ${old}`
}

export function deleteRows(table: TableName, keys: readonly number[]): string {
  const list = keys.map(key => literals(table, key)[0])
  return `DELETE FROM ${table} WHERE (${keyColumns(table).join(', ')}) IN (${list.join(', ')})`
}

function values(): string {
  return CELLS.map(([, , value]) => value).join(', ')
}

function assignments(): string {
  return CELLS.map(([name, , value]) => `${name} = ${value}`).join(', ')
}

/** `(k)` as SQL, and the key's text as SQL. */
function literals(table: TableName, key: number): [row: string, text: string] {
  const texts = keyTexts(table, key).map(quote)
  const typed = texts.map((text, i) => `${text}::${KEY_TYPES[table][i]}`)
  return [`(${typed.join(', ')})`, texts.join(` || '/' || `)]
}

function given(table: TableName, rows: readonly Versioned[], size: number): string {
  const list = rows.map(({ key, ver }) => {
    const [row, text] = literals(table, key)
    return `${row.slice(0, -1)}, ${text}, ${ver}::bigint, ${size})`
  })
  return `(VALUES ${list.join(', ')}) AS w (${keyColumns(table).join(', ')}, key, v, size)`
}

function quote(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

export const postgresSql: TableSql = {
  insertRows,
  updateRows,
  moveRow,
  deleteRows,
  subtransaction: { savepoint: 'SAVEPOINT s', release: 'RELEASE s', undo: 'ROLLBACK TO s; RELEASE s' },
}
