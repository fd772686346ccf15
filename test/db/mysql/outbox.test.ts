/** What the rows of an outbox of MySQL and MariaDB become in the log. */
import { expect, it } from '@jest/globals'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { mysqlRig } from '../../support/mysql/source.ts'
import type { PaperLog } from '../../support/paper-log.ts'

const OUTBOX = `CREATE TABLE outbox (id bigint AUTO_INCREMENT PRIMARY KEY, aggregatetype varchar(300) CHARACTER SET utf8mb4,
  aggregateid varchar(40), type varchar(40), payload json, internal int)`
const INSERT = 'INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES'

/** Everything in the log, loads too, without definitions. */
function texts(log: PaperLog): string[] {
  const lines = log.units.flatMap(unit => unit.lines).map(({ text }) => text)
  return lines.filter(text => !text.startsWith('s ')).map(text => text.replace('app.outbox.', ''))
}

await describeFlavors(server => {
  async function place(ddl: string, tables: readonly string[] = []) {
    const database = await server().createDatabase()
    const query = (sql: string) => server().query(sql, database)
    await query(ddl)
    const config = {
      tables: tables.map(table => `${database}.${table}`),
      outbox: { table: `${database}.outbox` },
    }
    return { rig: mysqlRig(server(), database, { config }), query, database }
  }

  it('each row goes to the table of its type, also one that its transaction deletes; what becomes of it is no event', async () => {
    const { rig, query, database } = await place(`${OUTBOX}; CREATE TABLE orders (id int PRIMARY KEY)`, ['*'])
    await rig.begin()
    await query(`BEGIN; INSERT INTO orders VALUES (1); ${INSERT} ('order', '1', 'placed', '{"total":10}');
      INSERT INTO orders VALUES (2); ${INSERT} ('invoice', '1', 'drawn', NULL), ('order', '1', 'changed', '1');
      DELETE FROM outbox WHERE type = 'placed'; COMMIT`)
    await query(`UPDATE outbox SET type = 'other'; DELETE FROM outbox; TRUNCATE TABLE outbox`)
    await query(`ALTER TABLE outbox AUTO_INCREMENT = 10; ${INSERT} ('order', '2', 'placed', '2')`)
    await rig.run(() => rig.log.rows.length === 6)
    expect(texts(rig.log).map(text => text.replaceAll(': ', ':'))).toEqual([
      `c app.${database}.orders [1]`,
      String.raw`c order ["1","order","1","placed","{\"total\":10}"]`,
      `c app.${database}.orders [2]`,
      'c invoice ["2","invoice","1","drawn",null]',
      'c order ["3","order","1","changed","1"]',
      'c order ["10","order","2","placed","2"]',
    ])
    const { tables } = rig.log.resume()!
    const carrier = tables.find(({ table }) => table === 'outbox')
    expect(carrier).toMatchObject({ routed: true, key: [], excluded: ['internal'] })
    expect(tables.filter(({ schema }) => schema === 'outbox')).toMatchObject([
      { name: 'app.outbox.order', key: [], appendOnly: true },
      { name: 'app.outbox.invoice', key: [], appendOnly: true },
    ])
  })

  it('rows of before are read once, in their order, and no row twice or never over restarts', async () => {
    const { rig, query } = await place(OUTBOX)
    await query(`${INSERT} ('a', '1', 'x', '1'), ('b', '2', 'x', '2'), ('a', '3', 'x', '3')`)
    await rig.begin()
    const before = rig.log.resume()!.tables
    for (let n = 1; n <= 3; n++) {
      await query(`${INSERT} ('a', '4', 'x', '4'), ('new${n}', '5', 'x', '5')`)
      await rig.run(() => rig.log.rows.length === 2 * n, { ack: n % 2 === 0 })
    }
    expect(texts(rig.log).map(text => text.split(',')[0])).toEqual([
      ...['r a ["1"', 'r b ["2"', 'r a ["3"'],
      ...['c a ["4"', 'c new1 ["5"', 'c a ["6"', 'c new2 ["7"', 'c a ["8"', 'c new3 ["9"'],
    ])
    expect(rig.log.resume()!.tables.slice(0, before.length)).toEqual(before)
  })

  it('types are names that no other can be taken for, and those without one have a table of their own', async () => {
    const { rig, query } = await place(OUTBOX)
    await rig.begin()
    const types = ['a.b', 'a"b', 'A', 'a', '🦆', 'é'.repeat(150)]
    for (const type of types) await query(`INSERT INTO outbox (aggregatetype) VALUES ('${type}')`)
    await query(`INSERT INTO outbox (aggregatetype) VALUES (NULL), ('')`)
    await rig.run(() => rig.log.rows.length === types.length + 2)
    const tables = rig.log.resume()!.tables.filter(({ schema }) => schema === 'outbox')
    expect(tables.map(({ table }) => table)).toEqual([...types, '_untyped'])
    expect(texts(rig.log).slice(-2)).toEqual([
      'c _untyped ["7",null,null,null,null]',
      'c _untyped ["8","",null,null,null]',
    ])
  })

  it('columns that are altered are a new version of each type, and one that is missing stops the source', async () => {
    const { rig, query } = await place(OUTBOX)
    await rig.begin()
    await query(`${INSERT} ('a', '1', 'x', '1')`)
    await query('ALTER TABLE outbox MODIFY aggregateid int')
    await query(`${INSERT} ('a', 2, 'x', '2')`)
    await rig.run(() => rig.log.rows.length === 2)
    expect(texts(rig.log)).toEqual(['c a ["1","a","1","x","1"]', 'c a ["2","a",2,"x","2"]'])
    const versions = rig.log.resume()!.tables.filter(({ table }) => table === 'a')
    expect(versions.map(({ incarnation, version }) => `${incarnation}.${version}`)).toEqual(['1.1', '1.2'])
    await query('ALTER TABLE outbox DROP COLUMN payload')
    expect(await rig.startError()).toMatchObject({ code: 'OUTBOX_COLUMNS' })
  })
})
