import { expect, it } from '@jest/globals'
import { checkMysql } from '../../../connectors/mysql/check.ts'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { MysqlSource } from '../../../connectors/mysql/source.ts'
import mysqlPlugin from '../../../connectors/mysql.ts'
import type { Finding, SourceContext } from '../../../runtime/contract.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { describeEachFlavor, describeFlavors } from '../../support/mysql/flavors.ts'
import type { Flavor } from '../../support/mysql/programs.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'
import { itIf } from '../../support/skip.ts'
import { until } from '../../support/until.ts'

const context: SourceContext = { pipeline: 'shop', name: 'app', logger: createLogger('silent'), folder: '/tmp' }
const signal = (): AbortSignal => AbortSignal.timeout(30_000)

type Options = Record<string, unknown> & { readonly tables: readonly string[] }

async function check(url: string, options: Options): Promise<readonly Finding[]> {
  return await checkMysql(mysqlConfig.parse({ url, ...options }), context, signal())
}

const withCode = (findings: readonly Finding[], code: string): Finding[] => findings.filter(one => one.code === code)
const errors = (findings: readonly Finding[]): string[] =>
  findings.filter(({ level }) => level === 'error').map(({ code, message }) => `${code} ${message}`)

/** What a source with this configuration does at its start: its code, or `begins`. */
async function startOf(url: string, options: Options): Promise<string> {
  await using source = new MysqlSource(mysqlConfig.parse({ url, ...options }), context)
  try {
    await source.start(undefined, signal())
    return 'begins'
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Does what a finding says, as it says it: SQL as root, an option of the server, or an edit of the source. */
async function apply(server: MysqlServer, { fix }: Finding, options: Options): Promise<Options> {
  const text = fix!.replace(/ -- [\s\S]*$/, '')
  const option = /^\[mysqld\] (\w+) = (.*)$/.exec(text)
  const edit = /^(serverId|exclude|cascades): (.*)$/.exec(text)
  if (option !== null) await server.restart([`--${option[1]}=${option[2]}`])
  else if (edit !== null) return { ...options, [edit[1]!]: edited(edit[2]!) }
  else await server.query(text)
  return options
}

function edited(text: string): unknown {
  const list = /^\[(.*)\]$/.exec(text)
  if (list !== null) return [list[1]]
  const every = /^\{ resync: (\w+) \}$/.exec(text)
  return every === null ? Number(text) : { resync: every[1] }
}

/** Breaks what a prepared server has, and expects the finding, whose fix turns it green. */
interface Broken {
  readonly code: string
  readonly level: 'warning' | 'error'
  readonly flavor?: Flavor
  /** SQL as root, on a server that is fine otherwise. */
  readonly sql?: string
  /** Options that the server is started with. */
  readonly options?: readonly string[]
  /** What the source does at its start before it is mended. */
  readonly starts: string
}

const MENDED = 'begins'
const REFUSED = 'SOURCE_PREREQUISITE'

const SETTINGS: Readonly<Record<string, Broken>> = {
  'no binary log': { code: 'SOURCE_LOG_BIN', level: 'error', options: ['--skip-log-bin'], starts: REFUSED },
  'statements in the log': {
    code: 'SOURCE_BINLOG_FORMAT',
    level: 'error',
    sql: "SET GLOBAL binlog_format = 'STATEMENT'",
    starts: REFUSED,
  },
  'statements or rows, as the server likes': {
    code: 'SOURCE_BINLOG_FORMAT',
    level: 'error',
    sql: "SET GLOBAL binlog_format = 'MIXED'",
    starts: REFUSED,
  },
  'rows without names of their columns': {
    code: 'SOURCE_ROW_METADATA',
    level: 'error',
    sql: "SET GLOBAL binlog_row_metadata = 'MINIMAL'",
    starts: REFUSED,
  },
  'rows in part': {
    code: 'SOURCE_ROW_IMAGE',
    level: 'warning',
    sql: "SET GLOBAL binlog_row_image = 'MINIMAL'",
    starts: MENDED,
  },
  'documents in part, of rows in part': {
    code: 'SOURCE_PARTIAL_JSON',
    level: 'warning',
    flavor: 'mysql',
    sql: "SET GLOBAL binlog_row_image = 'NOBLOB'; SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON'",
    starts: MENDED,
  },
  'commits that the disk may not have': {
    code: 'SOURCE_SYNC_BINLOG',
    level: 'warning',
    sql: 'SET GLOBAL sync_binlog = 0',
    starts: MENDED,
  },
  'a log that is soon gone': {
    code: 'SOURCE_RETENTION',
    level: 'warning',
    sql: 'SET GLOBAL binlog_expire_logs_seconds = 600',
    starts: MENDED,
  },
  'transactions without GTIDs': {
    code: 'SOURCE_GTID',
    level: 'warning',
    flavor: 'mysql',
    sql: 'SET GLOBAL gtid_mode = ON_PERMISSIVE; SET GLOBAL gtid_mode = OFF_PERMISSIVE; SET GLOBAL gtid_mode = OFF',
    starts: MENDED,
  },
  'other databases only': {
    code: 'SOURCE_BINLOG_FILTER',
    level: 'error',
    options: ['--binlog-do-db=elsewhere'],
    starts: 'SOURCE_BINLOG_FILTER',
  },
}

await describeFlavors((server, flavor) => {
  for (const [what, { code, level, sql, options: flags, starts, flavor: only }] of Object.entries(SETTINGS)) {
    itIf(only === undefined || only === flavor, 'it is there in MySQL only')(
      `finds ${what}, and how to mend it`,
      async () => {
        await server().restart()
        await server().query(
          'CREATE DATABASE IF NOT EXISTS settings; CREATE TABLE IF NOT EXISTS settings.t (id int PRIMARY KEY)',
        )
        const options = { tables: ['settings.t'] }
        if (flags !== undefined) await server().restart(flags)
        if (sql !== undefined) await server().query(sql)
        const [found] = withCode(await check(server().url(), options), code)
        expect(found).toMatchObject({ level, code })
        expect(await startOf(server().url(), options)).toBe(starts)
        await apply(server(), found!, options)
        const after = await check(server().url(), options)
        expect(withCode(after, code).filter(one => one.level !== 'ok')).toEqual([])
        expect(errors(after)).toEqual([])
        expect(await startOf(server().url(), options)).toBe(MENDED)
      },
    )
  }

  it('says which database the log leaves out', async () => {
    await server().query('CREATE DATABASE IF NOT EXISTS quiet; CREATE TABLE IF NOT EXISTS quiet.t (id int PRIMARY KEY)')
    await server().restart(['--binlog-ignore-db=quiet'])
    const options = { tables: ['quiet.t'] }
    const [found] = withCode(await check(server().url(), options), 'SOURCE_BINLOG_FILTER')
    expect(found!.fix).toBe('Take binlog_ignore_db = quiet out of the server’s configuration; then restart it.')
    expect(await startOf(server().url(), options)).toBe('SOURCE_BINLOG_FILTER')
    await server().restart()
    expect(errors(await check(server().url(), options))).toEqual([])
  })

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
    expect(await startOf(url, { tables })).not.toBe(MENDED)
    for (const trouble of troubles) await apply(server(), trouble, { tables })
    expect(errors(await check(url, { tables }))).toEqual([])
    expect(await startOf(url, { tables })).toBe(MENDED)
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
    expect(await startOf(url, { tables: [`${database}.t`] })).toBe(MENDED)
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
    expect(await startOf(server().url(), options)).toBe(MENDED)
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
    expect(await startOf(server().url(), options)).toBe(MENDED)
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
    expect(await startOf(server().url(), mended)).toBe(MENDED)
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

  it('names foreign keys whose cascades are not logged', async () => {
    const native = flavor === 'mysql' ? ['--innodb-native-foreign-keys=ON'] : []
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
    expect(await startOf(url, mended)).toBe(MENDED)
    await server().restart()
  })

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
    expect(await startOf(server().url(`i_${database}`), { tables: [`${database}.orders`] })).toBe(MENDED)
    expect(
      await mysqlPlugin.destroy(mysqlConfig.parse({ url: server().url(), tables: ['a.b'] }), context, signal()),
    ).toEqual(['nothing is kept for it at the server: its user can be dropped'])
  })
})

await describeEachFlavor(flavor => {
  it('finds that a replica does not log what it replicates', async () => {
    await using primary = await startMysql({ flavor })
    await using replica = await startMysql({ flavor, options: ['--server-id=2', '--report-host=127.0.0.1'] })
    await replica.restart(['--log-slave-updates=OFF'])
    await primary.createUser('follower', 'REPLICATION SLAVE ON *.*')
    const to = { host: '127.0.0.1', port: primary.port, user: 'follower', password: 'millstream' }
    await replica.query(
      flavor === 'mysql'
        ? `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '${to.host}', SOURCE_PORT = ${to.port}, SOURCE_USER = '${to.user}', SOURCE_PASSWORD = '${to.password}', GET_SOURCE_PUBLIC_KEY = 1, SOURCE_AUTO_POSITION = 1; START REPLICA`
        : `CHANGE MASTER TO MASTER_HOST = '${to.host}', MASTER_PORT = ${to.port}, MASTER_USER = '${to.user}', MASTER_PASSWORD = '${to.password}', MASTER_USE_GTID = slave_pos; START SLAVE`,
    )
    await primary.query('CREATE DATABASE shop; CREATE TABLE shop.t (id int PRIMARY KEY)')
    await until(async () => (await replica.query("SHOW DATABASES LIKE 'shop'")).length > 0, 'the replica has it')
    const options = { tables: ['shop.t'] }
    const [found] = withCode(await check(replica.url(), options), 'SOURCE_REPLICA')
    expect(found!.level).toBe('error')
    expect(await startOf(replica.url(), options)).toBe(REFUSED)
    const [clash] = withCode(await check(primary.url(), { ...options, serverId: 2 }), 'SERVER_ID_CLASH')
    expect(clash!.level).toBe('error')
    await apply(replica, found!, options)
    await until(async () => errors(await check(replica.url(), options)).length === 0, 'the replica is fine')
    expect(await startOf(replica.url(), options)).toBe(MENDED)
  })
})
