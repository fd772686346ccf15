/** Another server, or one that lost what the log was fed from: it stops with a code, and a resync mends it. */
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { CopyRig } from '../../support/mysql/copy-rig.ts'
import { describeEachFlavor } from '../../support/mysql/flavors.ts'
import type { Flavor } from '../../support/mysql/releases.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'
import { until } from '../../support/until.ts'

const TABLE =
  "CREATE TABLE t (id int PRIMARY KEY, v varchar(50)); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')"
const RESET = { mysql: 'RESET BINARY LOGS AND GTIDS', mariadb: 'RESET MASTER' }
const WITHOUT_GTID = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF']
/** As many transactions, and of the same size, as the log had before. */
const AS_BEFORE = "INSERT INTO t VALUES (10, 'again'); INSERT INTO t VALUES (11, 'again')"

/** The first error, and then the rows on both sides behind a resync and more changes. */
async function mended(rig: CopyRig, code: string): Promise<void> {
  const error = await rig.failure()
  expect(error).toMatchObject({ code, hint: expect.stringContaining('tailrace backfill --source app --resnapshot') })
  await rig.resync()
  await rig.sql("INSERT INTO t VALUES (100, 'behind'); DELETE FROM t WHERE id = 3")
  const first = await rig.settled('t')
  expect(first.sink).toEqual(first.source)
  await rig.restart()
  await rig.sql("INSERT INTO t VALUES (101, 'behind a restart')")
  const { source, sink } = await rig.settled('t')
  expect(sink).toEqual(source)
}

/** Applied, and stopped again. */
async function copied(server: MysqlServer): Promise<CopyRig> {
  const rig = await CopyRig.open(server, TABLE)
  await rig.sql("INSERT INTO t VALUES (4, 'streamed'); UPDATE t SET v = 'eins' WHERE id = 1")
  await rig.caughtUp()
  await rig.stop()
  return rig
}

/** A binary log says in which second it was begun. */
async function nextSecond(server: MysqlServer): Promise<void> {
  const now = async (): Promise<unknown> => (await server.query('SELECT UNIX_TIMESTAMP() AS now'))[0]!.now
  const first = await now()
  await until(async () => (await now()) !== first, 'the server’s clock has gone on by a second')
}

function describeLineage(flavor: Flavor, options: readonly string[]): void {
  const start = (more: readonly string[] = []): Promise<MysqlServer> =>
    startMysql({ flavor, options: [...options, ...more] })

  it('whose binary logs were purged before they were read', async () => {
    await using server = await start()
    await using rig = await copied(server)
    await rig.sql(
      'UPDATE t SET v = NULL WHERE id = 2; DELETE FROM t WHERE id = 4; FLUSH BINARY LOGS; FLUSH BINARY LOGS',
    )
    const arePurged = async (): Promise<boolean> => {
      const files = await server.query('SHOW BINARY LOGS')
      await server.query(`PURGE BINARY LOGS TO '${files.at(-1)!.Log_name}'`)
      return files.length === 1
    }
    await until(arePurged, 'nobody reads the logs any more and they are purged', 30, 500)
    await rig.open()
    await mended(rig, 'SOURCE_PURGED')
  })

  for (const rounds of [0, 2])
    it(`whose binary logs were reset, and then filled with ${rounds} rounds of transactions`, async () => {
      await using server = await start()
      await using rig = await copied(server)
      await nextSecond(server)
      await server.query(RESET[flavor])
      await rig.sql('DELETE FROM t WHERE id = 4')
      for (let i = 0; i < rounds; i++)
        await rig.sql(`${AS_BEFORE.replaceAll('1', `${2 + i}`)}; DELETE FROM t WHERE id > 9`)
      await rig.open()
      await mended(rig, 'SOURCE_REWOUND')
    })

  it('that was set back to an older copy of its data, and has written more since than it lost', async () => {
    await using server = await start()
    await using rig = await copied(server)
    const data = join(server.folder, 'data')
    await server.stop()
    await promisify(execFile)('cp', ['-a', data, `${data}.copy`])
    await server.start()
    await rig.start()
    await rig.sql("UPDATE t SET v = 'lost'; INSERT INTO t VALUES (5, 'lost')")
    await rig.caughtUp()
    await rig.stop()
    await server.stop()
    await rm(data, { recursive: true })
    await promisify(execFile)('mv', [`${data}.copy`, data])
    await server.start()
    for (let i = 0; i < 10; i++) await rig.sql(`INSERT INTO t VALUES (${20 + i}, 'other')`)
    await rig.open()
    await mended(rig, 'SOURCE_REWOUND')
  })

  it('another one that has a copy of the tables', async () => {
    await using server = await start()
    await using other = await start(['--server-id=2'])
    await using rig = await copied(server)
    await other.createDatabase(rig.database)
    await other.query(TABLE, rig.database)
    rig.server = other
    await rig.configure()
    await rig.open()
    await mended(rig, options.length > 0 ? 'SOURCE_REPLACED' : 'SOURCE_REWOUND')
  })
}

/** Replicates from the other by GTIDs. */
async function replicate(from: MysqlServer, to: MysqlServer): Promise<void> {
  const { port, hostname, username, password } = new URL(from.url())
  await to.query(
    to.flavor === 'mysql'
      ? `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '${hostname}', SOURCE_PORT = ${port}, SOURCE_USER = '${username}',
           SOURCE_PASSWORD = '${password}', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1; START REPLICA`
      : `CHANGE MASTER TO MASTER_HOST = '${hostname}', MASTER_PORT = ${port}, MASTER_USER = '${username}',
           MASTER_PASSWORD = '${password}', MASTER_USE_GTID = slave_pos; START SLAVE`,
  )
}

const STOP = { mysql: 'STOP REPLICA', mariadb: 'STOP SLAVE' }

await describeEachFlavor(flavor => {
  describe('stops at a server', () => describeLineage(flavor, []))
  if (flavor === 'mysql') describe('stops without GTIDs at a server', () => describeLineage(flavor, WITHOUT_GTID))

  async function pair(): Promise<{ primary: MysqlServer; replica: MysqlServer } & AsyncDisposable> {
    await using stack = new AsyncDisposableStack()
    const updates = flavor === 'mysql' ? [] : ['--log-slave-updates']
    const primary = stack.use(await startMysql({ flavor }))
    const replica = stack.use(await startMysql({ flavor, options: ['--server-id=2', ...updates] }))
    await replicate(primary, replica)
    const all = stack.move()
    return { primary, replica, [Symbol.asyncDispose]: () => all.disposeAsync() }
  }

  async function has(replica: MysqlServer, database: string, id: number): Promise<void> {
    const isThere = async (): Promise<boolean> =>
      (await replica.query(`SELECT 1 FROM t WHERE id = ${id}`, database)).length > 0
    await until(() => isThere().catch(() => false), `the replica has row ${id}`)
  }

  it('goes on from a replica that has all transactions', async () => {
    await using servers = await pair()
    const { primary, replica } = servers
    await using rig = await copied(primary)
    await rig.sql("INSERT INTO t VALUES (50, 'unread')")
    await has(replica, rig.database, 50)
    await replica.query(STOP[flavor])
    await primary.stop()
    rig.server = replica
    await rig.configure()
    await rig.sql("INSERT INTO t VALUES (51, 'of the replica'); DELETE FROM t WHERE id = 2; FLUSH BINARY LOGS")
    await rig.start()
    await rig.sql("UPDATE t SET v = 'later' WHERE id = 51")
    const first = await rig.settled('t')
    expect(first.sink).toEqual(first.source)
    await rig.restart()
    await rig.sql('DELETE FROM t WHERE id = 1')
    const { source, sink } = await rig.settled('t')
    expect(sink).toEqual(source)
  })

  it('stops at a replica that lacks transactions which the log has', async () => {
    await using servers = await pair()
    const { primary, replica } = servers
    await using rig = await copied(primary)
    await has(replica, rig.database, 4)
    await replica.query(STOP[flavor])
    await rig.start()
    await rig.sql("INSERT INTO t VALUES (60, 'lost in the failover')")
    await rig.caughtUp()
    await rig.stop()
    await primary.stop()
    rig.server = replica
    await rig.configure()
    await rig.sql("INSERT INTO t VALUES (61, 'of the replica')")
    await rig.open()
    await mended(rig, 'SOURCE_REWOUND')
  })
})
