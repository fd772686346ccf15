import { expect, it } from '@jest/globals'
import type { TestPipeline } from '../../../runtime/testing.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { copiedColumn, mysqlPipeline } from '../../support/mysql/pipeline.ts'
import { until } from '../../support/until.ts'

const SECOND = 1000

const TABLES = `
  CREATE TABLE p (id int PRIMARY KEY);
  CREATE TABLE deleted (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
  CREATE TABLE grandchild (id int PRIMARY KEY, d int, FOREIGN KEY (d) REFERENCES deleted (id) ON DELETE CASCADE);
  CREATE TABLE emptied (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL);
  CREATE TABLE renamed (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id) ON UPDATE CASCADE);
  INSERT INTO p VALUES (1), (2), (3);
  INSERT INTO deleted VALUES (10, 1), (11, 1), (20, 2);
  INSERT INTO grandchild VALUES (100, 10), (200, 20);
  INSERT INTO emptied VALUES (10, 1), (20, 2);
  INSERT INTO renamed VALUES (30, 3)`

const CHANGES = 'DELETE FROM p WHERE id = 1; UPDATE p SET id = 4 WHERE id = 3'
const BEFORE = { deleted: [10, 11, 20], grandchild: [100, 200], emptied: [1, 2], renamed: [3] }
const AFTER = { deleted: [20], grandchild: [200], emptied: [null, 2], renamed: [4] }

function copied(t: TestPipeline, database: string): Record<string, unknown[]> {
  return {
    deleted: copiedColumn(t, database, 'deleted', 'id'),
    grandchild: copiedColumn(t, database, 'grandchild', 'id'),
    emptied: copiedColumn(t, database, 'emptied', 'p'),
    renamed: copiedColumn(t, database, 'renamed', 'p'),
  }
}

async function stale(t: TestPipeline): Promise<Record<string, number | null>> {
  const { tables } = (await t.status()).sources.app!
  return Object.fromEntries(
    tables.flatMap(({ table, staleSeconds }) => (staleSeconds === undefined ? [] : [[table, staleSeconds]])),
  )
}

await describeFlavors((server, flavor, version) => {
  /** As in releases before 9.6. */
  async function unlogged(): Promise<string> {
    if (flavor === 'mysql') await server().restart(['--loose-innodb-native-foreign-keys=ON'])
    const database = await server().createDatabase()
    await server().query(TABLES, database)
    return database
  }

  if (flavor === 'mysql' && version >= 906)
    it(
      'follows the changes of foreign keys, which the server logs',
      async () => {
        const database = await server().createDatabase()
        await server().query(TABLES, database)
        await using t = await mysqlPipeline(server(), database)
        await t.synced(undefined, { timeout: 30 * SECOND })
        await server().query(CHANGES, database)
        await t.synced(undefined, { timeout: 30 * SECOND })
        expect(copied(t, database)).toEqual(AFTER)
        expect(await stale(t)).toEqual({})
      },
      60 * SECOND,
    )

  it(
    'refuses to begin where they are not logged and nothing is said about them',
    async () => {
      const database = await unlogged()
      await expect(mysqlPipeline(server(), database)).rejects.toMatchObject({
        code: 'CASCADES_UNLOGGED',
        message: expect.stringMatching(/ rows of t_\w+\.\w+ change by foreign key \w+ \(ON /),
        hint: expect.stringMatching(/cascades: \{resync: 15m\}/),
      })
    },
    60 * SECOND,
  )

  it(
    'compares the tables as often as it is told, and says how stale they may be',
    async () => {
      const database = await unlogged()
      await using t = await mysqlPipeline(server(), database, { cascades: { resync: '1s' } })
      await t.synced(undefined, { timeout: 30 * SECOND })
      expect(copied(t, database)).toEqual(BEFORE)
      await server().query(CHANGES, database)
      await until(
        () => JSON.stringify(copied(t, database)) === JSON.stringify(AFTER),
        'the changes are in the sink',
        30,
      )
      const seconds = await stale(t)
      expect(Object.keys(seconds).sort()).toEqual(
        ['deleted', 'emptied', 'grandchild', 'renamed'].map(table => `app.${database}.${table}`),
      )
      for (const age of Object.values(seconds)) expect(age).toBeLessThan(30)
      // Again, and not at the start alone.
      await server().query('DELETE FROM p WHERE id = 2', database)
      await until(
        () => copiedColumn(t, database, 'grandchild', 'id').length === 0,
        'the next changes are in the sink',
        30,
      )
    },
    90 * SECOND,
  )

  it(
    'stops where such a foreign key comes up later',
    async () => {
      await unlogged()
      const database = await server().createDatabase()
      await server().query('CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int)', database)
      await using t = await mysqlPipeline(server(), database)
      await t.synced(undefined, { timeout: 30 * SECOND })
      await server().query('ALTER TABLE c ADD FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE', database)
      const error = async () => (await t.status()).sources.app!.error?.code
      await until(async () => (await error()) === 'CASCADES_UNLOGGED', 'the source has stopped')
    },
    60 * SECOND,
  )
})
