import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { quoteName } from '../../../connectors/mysql/quote.ts'
import { describeEachFlavor } from '../../support/mysql/flavors.ts'
import { hostileOptions } from '../../support/mysql/hostile.ts'
import { LoggedPart } from '../../support/mysql/logged-part.ts'
import type { Flavor } from '../../support/mysql/releases.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'
import { runMysql } from '../../support/mysql/source-run.ts'
import { WRITER } from '../../support/mysql/typed-table.ts'
import { itIf } from '../../support/skip.ts'

/** 64 characters, quotes, escapes, keywords, names of members of objects, and of patterns. */
const NAMES = [
  ...[
    '__proto__',
    'constructor',
    'a`b',
    'a``',
    '`',
    'a"b',
    "a'b",
    'a\\b',
    'a\\',
    'new\nline',
    '\ttab',
    'a.b',
    '*',
    '%',
  ],
  ...[
    'é'.repeat(64),
    'n'.repeat(64),
    '産品',
    '\ufeff',
    '%41',
    '{table}',
    '$HOME',
    '--',
    ';',
    '?',
    '$1',
    '0',
    '-1',
    '/*',
    '#',
  ],
  ...['select', 'rows', 'rank', 'key', 'value', 'toJSON', 'length', '@a', ':b', '1e5', 'a b'],
]

function imagesOf(flavor: Flavor, version: number): [whole: string[], without: string[]] {
  if (flavor === 'mysql') return [['FULL', 'NOBLOB', 'MINIMAL'], []]
  return version >= 1108 ? [[], ['FULL', 'NOBLOB', 'MINIMAL']] : [['FULL'], ['NOBLOB', 'MINIMAL']]
}

await describeEachFlavor((flavor, version) => {
  let server: MysqlServer
  let url: string

  beforeAll(async () => {
    server = await startMysql({ flavor })
    url = `${await server.createUser('hostile', 'SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.*')}?sslmode=disable`
    await server.restart(hostileOptions(flavor))
  }, 120_000)
  afterAll(() => server?.[Symbol.asyncDispose]())

  const write = async (sql: string): Promise<void> => {
    const client = await server.connect()
    try {
      await client.query(`${WRITER}; ${sql}`)
    } finally {
      await client.end()
    }
  }

  it('databases, tables and columns have names of any kind', async () => {
    const columns = NAMES.map(quoteName)
    // Of a database a file name is made.
    const databases = NAMES.filter(name => name.length < 30 && name !== '\ufeff')
    const tables = databases.map((name, i) => `${quoteName(`n${name}`)}.${columns[i]!}`)
    await write(databases.map(name => `CREATE DATABASE ${quoteName(`n${name}`)} CHARACTER SET utf8mb4`).join(';'))
    const values = (word: string): string => NAMES.map((_, i) => `'${word} ${i}'`).join(', ')
    for (const table of tables)
      await write(`CREATE TABLE ${table} (${columns.map(name => `${name} varchar(20) CHARACTER SET latin1 NOT NULL`).join(', ')},
        PRIMARY KEY (${columns[0]}, ${columns[2]})); INSERT INTO ${table} VALUES (${values('loaded')})`)
    const { batches } = await runMysql({ url, tables: ['*.*'] }, async () => {
      for (const table of tables)
        await write(`INSERT INTO ${table} VALUES (${values('new')});
          UPDATE ${table} SET ${columns[5]} = 'x', ${columns[2]} = 'y' WHERE ${columns[0]} = 'new 0'`)
    })
    const seen = new Map<string, string[]>()
    for (const batch of batches)
      for (const { kind, table } of batch) {
        const name = `${quoteName(table.schema)}.${quoteName(table.table)}`
        if (kind === 's') expect(table.columns.map(column => column.name)).toEqual(NAMES)
        else seen.set(name, [...(seen.get(name) ?? []), kind])
      }
    expect([...seen].sort()).toEqual(tables.map(table => [table, ['r', 'c', 'd', 'u']]).sort())
  }, 120_000)

  const GENERATED = `id int PRIMARY KEY, a int, v int GENERATED ALWAYS AS (a * 2) VIRTUAL,
    s int GENERATED ALWAYS AS (a * 3) STORED, t varchar(20) GENERATED ALWAYS AS (CONCAT('t', a)) VIRTUAL,
    inv int INVISIBLE DEFAULT 7, b blob, w int GENERATED ALWAYS AS (LENGTH(b)) VIRTUAL,
    long_t text GENERATED ALWAYS AS (REPEAT('x', a)) VIRTUAL, long_s text GENERATED ALWAYS AS (REPEAT('y', a)) STORED`

  /** MariaDB leaves virtual columns out of updates, since 11.8 also of whole images. */
  const [whole, without] = imagesOf(flavor, version)

  if (whole.length > 0)
    it.each(whole)(
      'generated and invisible columns have the values that the server shows, with images %s',
      async image => {
        const database = `generated_${image.toLowerCase()}`
        await write(`SET GLOBAL binlog_row_image = ${image}; CREATE DATABASE ${database}; USE ${database};
        CREATE TABLE t (${GENERATED}); INSERT INTO t (id, a, b) VALUES (1, 1, 'x'), (2, NULL, NULL), (3, 3, 'xyz')`)
        await using part = await LoggedPart.open({ url, tables: [`${database}.t`] })
        const told = async (): Promise<string[]> =>
          [...(await part.wholeRows('t')).values()].map(cells => cells.join(' ')).sort()
        const shown = async (): Promise<string[]> => {
          const client = await server.connect({ database })
          await client.query(WRITER)
          const [rows] = await client.query(
            "SELECT id, a, v, s, t, inv, CONCAT('\\\\x', LOWER(HEX(b))) b, w, long_t, long_s FROM t",
          )
          await client.end()
          return (rows as Record<string, string | null>[]).map(row => Object.values(row).join(' ')).sort()
        }
        expect(await told()).toEqual(await shown())
        await write(`USE ${database}; INSERT INTO t (id, a, inv, b) VALUES (4, 4, 8, 'four'), (5, NULL, NULL, '')`)
        for (const change of [
          'UPDATE t SET a = 10 WHERE id = 1',
          'UPDATE t SET a = 11 WHERE id = 2',
          'UPDATE t SET inv = inv + 1',
          "UPDATE t SET b = 'changed' WHERE id IN (3, 5)",
          'UPDATE t SET id = 6 WHERE id = 4',
          'UPDATE t SET a = NULL WHERE id = 1',
          'DELETE FROM t WHERE id = 2',
        ])
          await write(`USE ${database}; ${change}`)
        expect(await told()).toEqual(await shown())
        await write('SET GLOBAL binlog_row_image = FULL')
      },
      60_000,
    )

  if (without.length > 0)
    it.each(without)('updates that come without virtual columns stop the source, with images %s', async image => {
      const database = `left_out_${image.toLowerCase()}`
      await write(`SET GLOBAL binlog_row_image = ${image}; CREATE DATABASE ${database}; USE ${database};
        CREATE TABLE t (${GENERATED}); INSERT INTO t (id, a) VALUES (1, 1)`)
      await using part = await LoggedPart.open({ url, tables: [`${database}.t`] })
      await part.rows('t')
      await write(`USE ${database}; UPDATE t SET a = 2`)
      await expect(part.rows('t')).rejects.toMatchObject({ code: 'BINLOG_GENERATED', recovery: 'stop' })
      await write('SET GLOBAL binlog_row_image = FULL')
    })

  itIf(flavor === 'mysql', 'MariaDB makes none')(
    'a primary key that the server made itself is one, though it is hidden',
    async () => {
      await write(`CREATE DATABASE made; SET SESSION sql_generate_invisible_primary_key = ON;
      CREATE TABLE made.t (a int); INSERT INTO made.t VALUES (10), (20)`)
      const { batches } = await runMysql({ url, tables: ['made.t'] }, () =>
        write('INSERT INTO made.t VALUES (30); UPDATE made.t SET a = 11 WHERE a = 10; DELETE FROM made.t WHERE a = 20'),
      )
      const seen: string[] = []
      for (const batch of batches)
        for (const change of batch) {
          const { kind, table } = change
          if (kind === 's') seen.push(`s ${table.columns.map(({ name }) => name)} by ${table.key}`)
          else seen.push(`${kind} ${kind === 'd' ? change.before(0) : `${change.text(0)} ${change.text(1)}`}`)
        }
      expect(seen).toEqual(['s my_row_id,a by 0', 'r 1 10', 'r 2 20', 'c 3 30', 'u 1 11', 'd 2'])
    },
  )
})
