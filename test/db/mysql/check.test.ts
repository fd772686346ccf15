import { expect, it } from '@jest/globals'
import { apply, BEGINS, check, errors, startOf, withCode } from '../../support/mysql/check.ts'
import { describeEachFlavor, describeFlavors } from '../../support/mysql/flavors.ts'
import type { Flavor } from '../../support/mysql/releases.ts'
import { startMysql } from '../../support/mysql/server.ts'
import { itIf } from '../../support/skip.ts'
import { until } from '../../support/until.ts'

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
    starts: BEGINS,
  },
  'documents in part, of rows in part': {
    code: 'SOURCE_PARTIAL_JSON',
    level: 'warning',
    flavor: 'mysql',
    sql: "SET GLOBAL binlog_row_image = 'NOBLOB'; SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON'",
    starts: BEGINS,
  },
  'commits that the disk may not have': {
    code: 'SOURCE_SYNC_BINLOG',
    level: 'warning',
    sql: 'SET GLOBAL sync_binlog = 0',
    starts: BEGINS,
  },
  'a log that is soon gone': {
    code: 'SOURCE_RETENTION',
    level: 'warning',
    sql: 'SET GLOBAL binlog_expire_logs_seconds = 600',
    starts: BEGINS,
  },
  'transactions without GTIDs': {
    code: 'SOURCE_GTID',
    level: 'warning',
    flavor: 'mysql',
    sql: 'SET GLOBAL gtid_mode = ON_PERMISSIVE; SET GLOBAL gtid_mode = OFF_PERMISSIVE; SET GLOBAL gtid_mode = OFF',
    starts: BEGINS,
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
        expect(await startOf(server().url(), options)).toBe(BEGINS)
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
    expect(await startOf(replica.url(), options)).toBe(BEGINS)
  })
})
