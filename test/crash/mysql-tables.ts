import { createHash } from 'node:crypto'
import mysql from 'mysql2'
import { columns, keyColumns, keyTexts, TABLES, type TableName, type TableSql } from './tables.ts'

/** The oracle's tables in MySQL and MariaDB: the same names, and again cells that follow from key and version. */

const KEY_TYPES: Readonly<Record<TableName, readonly string[]>> = {
  by_number: ['bigint'],
  by_text: ['varchar(64)'],
  by_pair: ['int', 'varchar(64)'],
}

type Value = (key: string, v: string, size: number) => string

/** Of the table's columns behind its key: type, and value from the text of the key, the version and `txn_size`. */
const CELLS: Readonly<Record<string, readonly [type: string, value: Value]>> = {
  ver: ['bigint NOT NULL', (_, v) => v],
  body: ['char(32)', (key, v) => `'${md5(key, v)}'`],
  txid: ['bigint', () => 'CONNECTION_ID()'],
  txn_size: ['int', (_key, _v, size) => String(size)],
  amount: ['decimal(30,6)', (_, v) => `(${v} + 0.000001) / 8`],
  ratio: ['double', (_, v) => `${v} / 3e0`],
  flag: ['smallint', (_, v) => `CASE ${v} % 3 WHEN 0 THEN NULL ELSE ${v} % 3 = 1 END`],
  at: [
    'datetime(6)',
    (_, v) => `TIMESTAMP'1999-12-31 23:59:59.999999' + INTERVAL ${v} SECOND + INTERVAL ${v} MICROSECOND`,
  ],
  day: ['date', (_, v) => `DATE'0044-03-15' + INTERVAL ${v} % 1000000 DAY`],
  doc: ['json', (key, v) => `JSON_OBJECT('key', ${mysql.escape(key)}, 'ver', ${v}, 'none', NULL)`],
  raw: ['varbinary(16)', (key, v) => `x'${md5(key, v)}'`],
  tags: ["enum('first', 'it''s', 'a,b')", (_, v) => `1 + ${v} % 3`],
  id: ['binary(4)', (_, v) => `CASE ${v} % 2 WHEN 0 THEN x'01020000' ELSE x'00ff00ff' END`],
}

/** Each transaction begins with a row here, whose name is the transaction's. */
export const COMMITS = 'commits'

/**
 * The first row of a transaction of that name. The writer names it: numbers of an AUTO_INCREMENT are given out again by a
 * server that was killed before it had synced the first giving.
 */
export function nameTransaction(xid: string): string {
  return `INSERT INTO ${COMMITS} VALUES ('${xid}')`
}

export function createMysqlTables(): string {
  const tables = TABLES.map(table => {
    const keys = keyColumns(table).map((name, i) => `${name} ${KEY_TYPES[table][i]}`)
    const cells = Object.entries(CELLS).map(([name, [type]]) => `${name} ${type}`)
    return `CREATE TABLE ${table} (${[...keys, ...cells].join(', ')}, PRIMARY KEY (${keyColumns(table).join(', ')}))
      CHARSET utf8mb4 COLLATE utf8mb4_bin`
  })
  return [...tables, `CREATE TABLE ${COMMITS} (xid char(36) PRIMARY KEY)`].join(';\n')
}

/** MySQL 9 has no function for it by itself. */
function md5(key: string, v: string): string {
  const hash = createHash('md5').update(`${key}${v}`)
  return hash.digest('hex')
}

function values(table: TableName, key: number, ver: number, size: number): string[] {
  const text = keyTexts(table, key).join('/')
  return Object.values(CELLS).map(([, value]) => value(text, String(ver), size))
}

function keyLiterals(table: TableName, key: number): string[] {
  return keyTexts(table, key).map((text, i) => (KEY_TYPES[table][i]!.endsWith('int') ? text : mysql.escape(text)))
}

function isRow(table: TableName, key: number): string {
  const literals = keyLiterals(table, key)
  return `(${keyColumns(table)
    .map((name, i) => `${name} = ${literals[i]}`)
    .join(' AND ')})`
}

export const mysqlSql: TableSql = {
  insertRows(table, rows, size) {
    const list = rows.map(
      ({ key, ver }) => `(${[...keyLiterals(table, key), ...values(table, key, ver, size)].join(', ')})`,
    )
    return `INSERT INTO ${table} (${columns(table).join(', ')}) VALUES ${list.join(', ')}`
  },
  updateRows(table, rows, size) {
    const cells = rows.map(({ key, ver }) => values(table, key, ver, size))
    const assignments = Object.keys(CELLS).map((name, i) => {
      const cases = rows.map(({ key }, row) => `WHEN ${isRow(table, key)} THEN ${cells[row]![i]}`)
      return `${name} = CASE ${cases.join(' ')} END`
    })
    return `UPDATE ${table} SET ${assignments.join(', ')} WHERE ${rows.map(({ key }) => isRow(table, key)).join(' OR ')}`
  },
  moveRow(table, from, to, size) {
    const names = columns(table)
    const cells = [...keyLiterals(table, to.key), ...values(table, to.key, to.ver, size)]
    return `UPDATE ${table} SET ${names.map((name, i) => `${name} = ${cells[i]}`).join(', ')} WHERE ${isRow(table, from)}`
  },
  deleteRows(table, keys) {
    return `DELETE FROM ${table} WHERE ${keys.map(key => isRow(table, key)).join(' OR ')}`
  },
  subtransaction: { savepoint: 'SAVEPOINT s', release: 'RELEASE SAVEPOINT s', undo: 'ROLLBACK TO SAVEPOINT s' },
}
