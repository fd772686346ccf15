/** What the stream brings, and where it goes on. */
import { expect, it } from '@jest/globals'
import type { Batch } from '../../../runtime/contract.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { mysqlRig } from '../../support/mysql/source.ts'

const MANY = 100_000
/** Numbers from 1, in one statement. */
const NUMBERS = `(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY}) SELECT i FROM n)`
const DEEP = {
  mysql: `SET SESSION cte_max_recursion_depth = ${MANY}`,
  mariadb: `SET SESSION max_recursive_iterations = ${MANY}`,
}

await describeFlavors((server, flavor) => {
  it('neither loses nor repeats a row of a statement of 100,000 in which the reader is stopped', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY, v varchar(200))', database)
    const rig = mysqlRig(server(), database)
    await rig.begin()
    await server().query(
      `${DEEP[flavor]}; INSERT INTO t SELECT i, REPEAT('x', 100) FROM ${NUMBERS} n; UPDATE t SET v = 'y'`,
      database,
    )
    for (const parts of [1, 2]) {
      const stopped = new Error('stopped amid the statement')
      let seen = 0
      const stop = async ({ end }: Batch): Promise<void> => {
        if (end === undefined && ++seen === parts) throw stopped
      }
      await expect(rig.run(() => false, { each: stop })).rejects.toBe(stopped)
      expect(rig.log.resume()!.stream).toBeDefined()
    }
    await rig.run(() => rig.log.transactions.length === 2)
    const [first, second] = rig.log.transactions
    const { rows } = rig.log
    expect(rows).toHaveLength(2 * MANY)
    const isAsWritten = rows.every(({ transaction, index, text }, i) =>
      i < MANY
        ? transaction === first && index === i && text.startsWith('c')
        : transaction === second && index === i - MANY && text.startsWith('u'),
    )
    expect(isAsWritten).toBe(true)
  }, 120_000)

  it('goes on through rotations of the log, also those that happen while it is stopped', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
    const rig = mysqlRig(server(), database)
    await rig.begin()
    const texts: string[] = []
    const rotated = async (id: number): Promise<void> => {
      await server().query(
        `INSERT INTO t VALUES (${id}); FLUSH BINARY LOGS; INSERT INTO t VALUES (${id + 1}); FLUSH BINARY LOGS`,
        database,
      )
      texts.push(...[id, id + 1].map(n => `c app.${database}.t [${n}]`))
    }
    await rotated(1)
    await rig.run(() => rig.log.texts.length === texts.length)
    await Promise.all([rig.run(() => rig.log.texts.length === 4), rotated(3)])
    // Stopped right behind a rotation, at the begin of a file that has nothing yet.
    await rotated(5)
    await rig.run(() => rig.log.texts.length === texts.length)
    expect(rig.log.texts).toEqual(texts)
  })

  it('takes nothing of the server’s own databases, whatever the patterns say', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
    const rig = mysqlRig(server(), database, { config: { tables: [`${database}.t`, 'm*.*'] } })
    await rig.begin()
    await server().query("INSERT INTO mysql.time_zone_name VALUES ('Mill', 7)")
    await server().query('INSERT INTO t VALUES (1)', database)
    await rig.run(() => rig.log.texts.length > 0)
    expect(rig.log.texts).toEqual([`c app.${database}.t [1]`])
  })

  it('brings what is changed back and forth in one transaction, and a key that only its collation holds equal', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id varchar(20) PRIMARY KEY, v int, UNIQUE (v))', database)
    const rig = mysqlRig(server(), database)
    await rig.begin()
    await server().query(
      `INSERT INTO t VALUES ('a', 1);
       UPDATE t SET id = 'A';
       REPLACE INTO t VALUES ('a', 2);
       BEGIN; INSERT INTO t VALUES ('b', 3); REPLACE INTO t VALUES ('c', 3); ROLLBACK;
       BEGIN; SAVEPOINT s; INSERT INTO t VALUES ('d', 4); ROLLBACK TO s; INSERT INTO t VALUES ('e', 5); COMMIT;
       INSERT INTO t VALUES ('f', 5) ON DUPLICATE KEY UPDATE id = 'g', v = 6`,
      database,
    )
    const rows = new Map<string, string>()
    await rig.run(() => rig.log.texts.some(text => text.includes('"g",6')))
    const key = (id: string): string => `t\u0000\u0000\u0000\u0001${id}`
    for (const text of rig.log.texts) {
      const [, kind, cells] = /^(\w) \S+ (.*)$/.exec(text)!
      if (kind === 'd') expect(rows.delete(JSON.parse(cells!))).toBe(true)
      else rows.set(key(JSON.parse(cells!)[0]), cells!)
    }
    expect([...rows.values()].sort()).toEqual(['["a",2]', '["g",6]'])
  })
})
