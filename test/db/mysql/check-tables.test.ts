import { expect, it } from '@jest/globals'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import mysqlPlugin from '../../../connectors/mysql.ts'
import { apply, BEGINS, check, context, errors, signal, startOf, withCode } from '../../support/mysql/check.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { itIf } from '../../support/skip.ts'

await describeFlavors((server, flavor, version) => {
  it('names every privilege that is missing, and its statements make a source begin', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE `a table` (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)', database)
    const user = `weak_${database}`
    const url = await server().createUser(user, 'USAGE ON *.*')
    const tables = [`${database}."a table"`, `${database}.b`]
    const all = await check(url, { tables: [`${database}.*`] })
    expect(withCode(all, 'TABLE_UNREADABLE').map(({ fix }) => fix)).toEqual([
      `GRANT SELECT ON \`${database}\`.* TO '${user}'@'%';`,
    ])
    const findings = await check(url, { tables })
    const troubles = findings.filter(({ level }) => level === 'error')
    expect(troubles.map(({ fix }) => fix)).toEqual([
      `GRANT REPLICATION SLAVE ON *.* TO '${user}'@'%';`,
      `GRANT ${flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR'} ON *.* TO '${user}'@'%';`,
      `GRANT SELECT ON \`${database}\`.\`a table\` TO '${user}'@'%';`,
      `GRANT SELECT ON \`${database}\`.\`b\` TO '${user}'@'%';`,
    ])
    expect(await startOf(url, { tables })).not.toBe(BEGINS)
    for (const trouble of troubles) await apply(server(), trouble, { tables })
    expect(errors(await check(url, { tables }))).toEqual([])
    expect(await startOf(url, { tables })).toBe(BEGINS)
  })

  it('knows privileges that a role brings', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
    const url = await server().createUser(`led_${database}`, 'USAGE ON *.*')
    const role = `role_${database}`
    await server().query(`CREATE ROLE ${role}; GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${role};
      GRANT SELECT ON ${database}.* TO ${role}; GRANT ${role} TO 'led_${database}'@'%';
      SET DEFAULT ROLE ${role} ${flavor === 'mysql' ? 'TO' : 'FOR'} 'led_${database}'@'%'`)
    expect(errors(await check(url, { tables: [`${database}.t`] }))).toEqual([])
    expect(await startOf(url, { tables: [`${database}.t`] })).toBe(BEGINS)
  })

  it('wants whole tables to be readable: their columns are seen by who may read them', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY, secret text)', database)
    const url = await server().createUser(`half_${database}`, 'REPLICATION SLAVE, REPLICATION CLIENT ON *.*')
    await server().query(`GRANT SELECT (id) ON ${database}.t TO 'half_${database}'@'%'`)
    const options = { tables: [`${database}.t`] }
    const [found] = withCode(await check(url, options), 'TABLE_UNREADABLE')
    await apply(server(), found!, options)
    expect(errors(await check(url, options))).toEqual([])
  })

  it('names tables without a key, and makes one of any table', async () => {
    const database = await server().createDatabase()
    await server().query(
      'CREATE TABLE loose (a int, UNIQUE (a)); INSERT INTO loose VALUES (1), (NULL), (NULL)',
      database,
    )
    const options = { tables: [`${database}.loose`] }
    const [found] = withCode(await check(server().url(), options), 'TABLE_WITHOUT_KEY')
    expect(found!.level).toBe('error')
    expect(await startOf(server().url(), options)).toBe('TABLE_WITHOUT_KEY')
    await apply(server(), found!, options)
    expect(errors(await check(server().url(), options))).toEqual([])
    expect(await startOf(server().url(), options)).toBe(BEGINS)
  })

  it('names tables whose engine has no transactions, also those that a pattern means', async () => {
    const database = await server().createDatabase()
    await server().query(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE old (id int PRIMARY KEY) ENGINE = MyISAM',
      database,
    )
    const some = await check(server().url(), { tables: [`${database}.*`] })
    expect(withCode(some, 'TABLE_UNSUPPORTED')).toMatchObject([{ level: 'warning' }])
    const options = { tables: [`${database}.old`, `${database}.t`] }
    const [found] = withCode(await check(server().url(), options), 'TABLE_UNSUPPORTED')
    expect(found!.level).toBe('error')
    expect(await startOf(server().url(), options)).toBe('TABLE_UNSUPPORTED')
    await apply(server(), found!, options)
    expect(errors(await check(server().url(), options))).toEqual([])
    expect(await startOf(server().url(), options)).toBe(BEGINS)
  })

  itIf(flavor === 'mariadb', 'MySQL has no such tables')('names tables that keep their history', async () => {
    const database = await server().createDatabase()
    await server().query(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE past (id int PRIMARY KEY) WITH SYSTEM VERSIONING',
      database,
    )
    const options = { tables: [`${database}.past`, `${database}.t`] }
    const [found] = withCode(await check(server().url(), options), 'TABLE_UNSUPPORTED')
    expect(found!.level).toBe('error')
    const mended = await apply(server(), found!, options)
    expect(errors(await check(server().url(), mended))).toEqual([])
    expect(await startOf(server().url(), mended)).toBe(BEGINS)
  })

  it('says that the server itself has the id, and gives another', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
    const options = { tables: [`${database}.t`], serverId: 1 }
    const [found] = withCode(await check(server().url(), options), 'SERVER_ID_CLASH')
    expect(found!.level).toBe('error')
    const mended = await apply(server(), found!, options)
    expect(errors(await check(server().url(), mended))).toEqual([])
  })

  itIf(flavor === 'mariadb' && version >= 1108, 'the server logs virtual columns')(
    'names tables whose virtual columns the server does not log',
    async () => {
      const database = await server().createDatabase()
      await server().query(
        'CREATE TABLE t (id int PRIMARY KEY, a int, v int GENERATED ALWAYS AS (a + 1) VIRTUAL, s int GENERATED ALWAYS AS (a) STORED)',
        database,
      )
      const options = { tables: [`${database}.t`] }
      const [found] = withCode(await check(server().url(), options), 'BINLOG_GENERATED')
      expect([found!.level, found!.fix]).toEqual(['error', expect.stringContaining(`${database}.t.v`)])
      const mended = { ...options, columns: { exclude: [`${database}.t.v`] } }
      expect(errors(await check(server().url(), mended))).toEqual([])
    },
  )

  it('names foreign keys whose cascades are not logged', async () => {
    const native = flavor === 'mysql' ? ['--loose-innodb-native-foreign-keys=ON'] : []
    await server().restart(native)
    const database = await server().createDatabase()
    await server().query(
      `CREATE TABLE parent (id int PRIMARY KEY);
       CREATE TABLE child (id int PRIMARY KEY, p int, CONSTRAINT \`a \`\`b\` FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
       CREATE TABLE guarded (id int PRIMARY KEY COMMENT 'FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE', p int,
         CONSTRAINT c CHECK (p <> 7), FOREIGN KEY (p) REFERENCES parent (id) ON DELETE RESTRICT ON UPDATE NO ACTION);
       CREATE TABLE orphan (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON UPDATE SET NULL)`,
      database,
    )
    const url = await server().createUser(`c_${database}`, 'REPLICATION SLAVE, REPLICATION CLIENT ON *.*')
    await server().query(`GRANT SELECT ON ${database}.* TO 'c_${database}'@'%'`)
    const options = { tables: [`${database}.*`] }
    const found = withCode(await check(url, options), 'CASCADES_UNLOGGED')
    expect(found.map(({ level, message }) => `${level} ${message}`)).toEqual([
      `error The server does not log how rows of ${database}.child change by foreign key a \`b (ON DELETE CASCADE).`,
      `error The server does not log how rows of ${database}.orphan change by foreign key orphan_ibfk_1 (ON UPDATE SET NULL).`,
    ])
    expect(await startOf(url, options)).toBe('CASCADES_UNLOGGED')
    const mended = await apply(server(), found[0]!, options)
    expect(errors(await check(url, mended))).toEqual([])
    expect(await startOf(url, mended)).toBe(BEGINS)
    await server().restart()
  })

  itIf(flavor === 'mysql', 'MariaDB always has GTIDs')(
    'names what locks of tables need, where there are no GTIDs',
    async () => {
      await server().restart(['--gtid-mode=OFF'])
      const database = await server().createDatabase()
      await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
      const url = await server().createUser(`l_${database}`, 'REPLICATION SLAVE, REPLICATION CLIENT ON *.*')
      await server().query(`GRANT SELECT ON ${database}.* TO 'l_${database}'@'%'`)
      const options = { tables: [`${database}.t`] }
      const troubles = (await check(url, options)).filter(({ level }) => level === 'error')
      expect(troubles.map(({ fix }) => fix)).toEqual([
        `GRANT RELOAD ON *.* TO 'l_${database}'@'%';`,
        `GRANT LOCK TABLES ON \`${database}\`.* TO 'l_${database}'@'%';`,
      ])
      expect(await startOf(url, options)).toBe('SOURCE_PREREQUISITE')
      for (const trouble of troubles) await apply(server(), trouble, options)
      expect(errors(await check(url, options))).toEqual([])
      expect(await startOf(url, options)).toBe(BEGINS)
      await server().restart()
    },
  )

  it('lists the tables of a database with keys and sizes, and statements that let a source begin', async () => {
    const database = await server().createDatabase()
    await server().query(
      `CREATE TABLE orders (no int, region char(2), PRIMARY KEY (region, no)); CREATE TABLE loose (a int);
       CREATE TABLE old (id int PRIMARY KEY) ENGINE = MyISAM; CREATE VIEW seen AS SELECT * FROM orders;
       INSERT INTO orders VALUES (1, 'de'); ANALYZE TABLE orders`,
      database,
    )
    const found = await mysqlPlugin.discover!(server().url('root', database), 'shop', signal())
    expect(found.tables.map(({ table, key, problem }) => [table, key.join(), problem])).toEqual([
      ['loose', '', `${database}.loose has no primary key and no unique index of columns that are NOT NULL.`],
      ['orders', 'region,no', undefined],
      ['old', '', 'it is kept by the engine MyISAM, without transactions: ALTER TABLE it to ENGINE=InnoDB'],
    ])
    expect(found.tables[1]!.rows).toBe(1)
    expect(found.tables[1]!.bytes).toBeGreaterThan(0)
    for (const statement of found.sql)
      await server().query(
        statement
          .replace(/ -- .*$/, '')
          .replace("'...'", "'millstream'")
          .replaceAll("'tailrace'@", `'i_${database}'@`),
      )
    expect(await startOf(server().url(`i_${database}`), { tables: [`${database}.orders`] })).toBe(BEGINS)
    expect(
      await mysqlPlugin.destroy(mysqlConfig.parse({ url: server().url(), tables: ['a.b'] }), context, signal()),
    ).toEqual(['nothing is kept for it at the server: its user can be dropped'])
  })
})
