/** Tables that are altered, swapped, emptied and made anew: in the end the copy has what the table has. */
import { expect, it } from '@jest/globals'
import { CopyRig } from '../../support/mysql/copy-rig.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import type { Flavor } from '../../support/mysql/releases.ts'
import { mysqlRig } from '../../support/mysql/source.ts'

const TABLE = "CREATE TABLE t (id int PRIMARY KEY, v varchar(20)); INSERT INTO t VALUES (1, 'one'), (2, 'two')"

interface Case {
  readonly name: string
  readonly sql: string
  /** Tables to compare. Default: t. */
  readonly tables?: readonly string[]
  readonly before?: string
  readonly flavor?: Flavor
}

const PARTITIONED = `CREATE TABLE t (id int PRIMARY KEY, v varchar(20)) PARTITION BY RANGE (id)
  (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20), PARTITION c VALUES LESS THAN MAXVALUE);
  INSERT INTO t VALUES (1, 'one'), (2, 'two'), (11, 'eleven'), (21, 'more'); CREATE TABLE x LIKE t;
  ALTER TABLE x REMOVE PARTITIONING; INSERT INTO x VALUES (3, 'three')`

const CASES: readonly Case[] = [
  {
    name: 'columns that come and go between rows',
    sql: `INSERT INTO t VALUES (3, 'three'); ALTER TABLE t ADD COLUMN n int; INSERT INTO t VALUES (4, 'four', 4);
      ALTER TABLE t ADD COLUMN f varchar(9) DEFAULT 'first' FIRST; UPDATE t SET n = 1 WHERE id = 1;
      ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES ('f', 5, 5); ALTER TABLE t RENAME COLUMN n TO m;
      INSERT INTO t VALUES ('g', 6, 6)`,
  },
  {
    name: 'a type that changes values',
    sql: `ALTER TABLE t MODIFY v varchar(2); INSERT INTO t VALUES (3, 'xy'); ALTER TABLE t MODIFY v varbinary(30);
      INSERT INTO t VALUES (4, 'abc')`,
    before: "SET GLOBAL sql_mode = ''",
  },
  {
    name: 'two columns that change places',
    before: "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), w varchar(20)); INSERT INTO t VALUES (1, 'one', 'w')",
    sql: "ALTER TABLE t RENAME COLUMN v TO w, RENAME COLUMN w TO v; INSERT INTO t VALUES (3, 'x', 'y')",
  },
  {
    name: 'a column that is added with a default, and at once changes places with another one',
    sql: `ALTER TABLE t ADD COLUMN w varchar(20) DEFAULT 'w'; ALTER TABLE t RENAME COLUMN v TO w, RENAME COLUMN w TO v;
      INSERT INTO t VALUES (3, 'x', 'y')`,
  },
  {
    name: 'one alteration right behind the other, the last of which changes rows unseen',
    sql: `ALTER TABLE t ADD COLUMN a int; ALTER TABLE t ADD COLUMN b int DEFAULT 1; ALTER TABLE t DROP COLUMN a;
      ALTER TABLE t RENAME COLUMN b TO a; UPDATE t SET v = 'new' WHERE id = 1; ALTER TABLE t ALTER a DROP DEFAULT`,
  },
  {
    name: 'a table that another one takes the place of, as gh-ost does',
    sql: `CREATE TABLE _t_gho LIKE t; ALTER TABLE _t_gho ADD COLUMN n int DEFAULT 7;
      INSERT INTO _t_gho (id, v) SELECT * FROM t; INSERT INTO t VALUES (3, 'late');
      REPLACE INTO _t_gho (id, v) VALUES (3, 'late'); CREATE TABLE _t_del (id int PRIMARY KEY);
      DROP TABLE _t_del; RENAME TABLE t TO _t_del, _t_gho TO t; INSERT INTO t VALUES (4, 'new', 4);
      UPDATE t SET n = 8 WHERE id = 1; DROP TABLE _t_del`,
  },
  {
    name: 'a table that another one takes the place of, as pt-online-schema-change does',
    sql: `CREATE TABLE _t_new LIKE t; ALTER TABLE _t_new MODIFY v varchar(40);
      CREATE TRIGGER pt_del AFTER DELETE ON t FOR EACH ROW DELETE IGNORE FROM _t_new WHERE id <=> OLD.id;
      CREATE TRIGGER pt_ins AFTER INSERT ON t FOR EACH ROW REPLACE INTO _t_new (id, v) VALUES (NEW.id, NEW.v);
      INSERT LOW_PRIORITY IGNORE INTO _t_new (id, v) SELECT id, v FROM t LOCK IN SHARE MODE;
      INSERT INTO t VALUES (3, 'three'); DELETE FROM t WHERE id = 1; RENAME TABLE t TO _t_old, _t_new TO t;
      DROP TABLE IF EXISTS _t_old; INSERT INTO t VALUES (4, 'four')`,
  },
  {
    name: 'TRUNCATE, before and behind rows of the same second',
    sql: `INSERT INTO t VALUES (3, 'three'); TRUNCATE TABLE t; INSERT INTO t VALUES (2, 'again'), (5, 'five')`,
  },
  {
    name: 'a table that was dropped and made anew with other columns',
    sql: `INSERT INTO t VALUES (3, 'three'); DROP TABLE t; CREATE TABLE t (id bigint PRIMARY KEY, a int, b int);
      INSERT INTO t VALUES (1, 10, 11), (7, 70, 71)`,
  },
  {
    name: 'tables that are made meanwhile, one of them with rows',
    sql: `CREATE TABLE late (id int PRIMARY KEY, v text); INSERT INTO late VALUES (1, 'x');
      CREATE TABLE chosen (PRIMARY KEY (id)) SELECT * FROM t; INSERT INTO chosen VALUES (9, 'nine')`,
    tables: ['t', 'late', 'chosen'],
  },
  {
    name: 'a database name away and back',
    sql: `RENAME TABLE t TO elsewhere; UPDATE elsewhere SET v = 'hidden' WHERE id = 1; INSERT INTO elsewhere VALUES (9, 'n');
      RENAME TABLE elsewhere TO t; INSERT INTO t VALUES (10, 'ten')`,
  },
  {
    name: 'another primary key',
    sql: `INSERT INTO t VALUES (3, 'three'); ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 5;
      ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (n, id); UPDATE t SET n = 6 WHERE id = 1;
      INSERT INTO t VALUES (2, 'other', 99)`,
  },
  {
    name: 'partitions that are emptied, dropped and exchanged',
    before: PARTITIONED,
    sql: `UPDATE t SET v = 'x' WHERE id = 1; ALTER TABLE t TRUNCATE PARTITION b; INSERT INTO t VALUES (12, 'twelve');
      ALTER TABLE t EXCHANGE PARTITION a WITH TABLE x; ALTER TABLE t DROP PARTITION c; INSERT INTO t VALUES (4, 'four')`,
    tables: ['t', 'x'],
  },
  {
    name: 'columns that were altered without the log',
    sql: `SET SESSION sql_log_bin = 0; ALTER TABLE t ADD COLUMN n int DEFAULT 3; SET SESSION sql_log_bin = 1;
      UPDATE t SET v = 'seen' WHERE id = 1; INSERT INTO t VALUES (3, 'three', 30)`,
  },
  {
    name: 'an enumeration whose labels move',
    before: "CREATE TABLE t (id int PRIMARY KEY, v enum('a', 'b', 'c')); INSERT INTO t VALUES (1, 'a'), (2, 'c')",
    sql: `INSERT INTO t VALUES (3, 'b'); ALTER TABLE t MODIFY v enum('c', 'z', 'b', 'a'); INSERT INTO t VALUES (4, 'z');
      UPDATE t SET v = 'c' WHERE id = 3`,
  },
  {
    name: 'text that is converted to another character set',
    before:
      "CREATE TABLE t (id int PRIMARY KEY, v varchar(20)) CHARSET latin1; INSERT INTO t VALUES (1, 'é'), (2, 'ö')",
    sql: `INSERT INTO t VALUES (3, 'ü'); ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4; INSERT INTO t VALUES (4, '日本');
      UPDATE t SET v = 'ñ' WHERE id = 1`,
  },
]

await describeFlavors((server, flavor) => {
  for (const { name, sql, tables = ['t'], before = TABLE } of CASES) {
    const first = before.includes('CREATE TABLE') ? before : `${before}; ${TABLE}`
    it(`follows ${name}`, async () => {
      await using rig = await CopyRig.open(server(), first)
      await rig.sql(sql)
      for (const table of tables) {
        const { source, sink } = await rig.settled(table)
        expect(sink).toEqual(source)
      }
      await rig.restart()
      await rig.sql(`DELETE FROM t WHERE id = 2`)
      const { source, sink } = await rig.settled('t')
      expect(sink).toEqual(source)
    })

    it(`follows ${name}, met when all of it is over`, async () => {
      await using rig = await CopyRig.open(server(), first)
      await rig.stop()
      await rig.sql(sql)
      await rig.start()
      for (const table of tables) {
        const { source, sink } = await rig.settled(table)
        expect(sink).toEqual(source)
      }
    })
  }

  it('gives each row the columns of its moment, however far the reader is behind', async () => {
    const database = await server().createDatabase()
    const query = (sql: string) => server().query(sql, database)
    await query('CREATE TABLE t (id int PRIMARY KEY, a varchar(9))')
    const rig = mysqlRig(server(), database)
    await rig.begin()
    const column = flavor === 'mysql' ? 'varchar(9)' : 'varchar(9) CHARSET utf8mb4'
    await query(`INSERT INTO t VALUES (1, 'x'); ALTER TABLE t ADD COLUMN b int FIRST; INSERT INTO t VALUES (20, 2, 'x');
      ALTER TABLE t RENAME COLUMN b TO c; INSERT INTO t VALUES (30, 3, 'x'); ALTER TABLE t DROP COLUMN a;
      INSERT INTO t VALUES (40, 4); ALTER TABLE t ADD COLUMN a ${column}; INSERT INTO t VALUES (50, 5, 'y')`)
    await rig.run(() => rig.log.texts.length === 5)
    const name = `app.${database}.t`
    expect(rig.log.texts).toEqual([
      `c ${name} [1,"x"]`,
      `c ${name} [20,2,"x"]`,
      `c ${name} [30,3,"x"]`,
      `c ${name} [40,4]`,
      `c ${name} [50,5,"y"]`,
    ])
  })

  it('reads a table that is added to the configuration, and no other again', async () => {
    await using rig = await CopyRig.open(
      server(),
      `${TABLE}; CREATE TABLE more SELECT * FROM t; ALTER TABLE more ADD PRIMARY KEY (id)`,
      { tables: ['t'] },
    )
    await rig.sql("INSERT INTO more VALUES (3, 'three'); UPDATE more SET v = 'uno' WHERE id = 1")
    await rig.caughtUp()
    await rig.stop()
    await rig.sql('DELETE FROM more WHERE id = 2')
    await rig.configure(['t', 'more'])
    await rig.start()
    await rig.sql("INSERT INTO more VALUES (4, 'four')")
    const { source, sink } = await rig.settled('more')
    expect(sink).toEqual(source)
    expect((await rig.sides('t')).sink).toHaveLength(2)
  })
})
