/** What the connection that streams the binary log lives through. */
import { describe, expect, it } from '@jest/globals'
import { connectMysql } from '../../../connectors/mysql/connection.ts'
import { hasOpenssl } from '../../support/certificate.ts'
import { CopyRig } from '../../support/mysql/copy-rig.ts'
import { describeEachFlavor, describeFlavors } from '../../support/mysql/flavors.ts'
import { startMysql } from '../../support/mysql/server.ts'
import { mysqlRig } from '../../support/mysql/source.ts'
import { itIf } from '../../support/skip.ts'
import { until } from '../../support/until.ts'

const LARGE = 20 * 1024 * 1024

await describeFlavors(
  (server, flavor) => {
    it('brings rows that are larger than a packet of 16 MB', async () => {
      await using rig = await CopyRig.open(
        server(),
        `CREATE TABLE t (id int PRIMARY KEY, v longtext); INSERT INTO t VALUES (1, REPEAT('a', ${LARGE}))`,
      )
      await rig.sql(
        `INSERT INTO t VALUES (2, REPEAT('b', ${LARGE})); UPDATE t SET v = REPEAT('c', ${LARGE}) WHERE id = 1`,
      )
      await rig.caughtUp()
      const sum = 'SELECT id, LENGTH(v), SUBSTR(v, 1, 1), SUBSTR(v, -1) FROM'
      const there = (await rig.sql(`${sum} t ORDER BY id`)).map(row => Object.values(row).join())
      const here = rig.sink(`${sum} "${rig.database}_t" ORDER BY id`).map(row => (JSON.parse(row) as unknown[]).join())
      expect(here).toEqual(there)
      await rig.restart()
    }, 120_000)

    if (flavor === 'mysql')
      it('brings a compressed transaction that is many times larger than its event', async () => {
        await using rig = await CopyRig.open(server(), 'CREATE TABLE t (id int PRIMARY KEY, v varchar(1000))')
        await rig.sql(`SET SESSION binlog_transaction_compression = ON; SET SESSION cte_max_recursion_depth = 40000;
          INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
            SELECT i, CONCAT(REPEAT('x', 800), i) FROM n`)
        const { source, sink } = await rig.settled('t')
        expect(sink.length).toBe(40_000)
        expect(sink).toEqual(source)
      }, 120_000)

    it('rejects what is asked on a connection that is ended meanwhile', async () => {
      const ending = new AbortController()
      const client = await connectMysql({ url: `${server().url()}?sslmode=disable` }, 'test', ending.signal)
      const asked = client.query('SELECT SLEEP(30)')
      ending.abort(new Error('enough'))
      await expect(asked).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
      await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    })

    it('says that another replica reads under its id', async () => {
      const database = await server().createDatabase()
      await server().query('CREATE TABLE t (id int PRIMARY KEY)', database)
      const rig = mysqlRig(server(), database)
      await rig.begin()
      const other = mysqlRig(server(), database)
      await other.begin()
      const ended = rig.streamError()
      await until(async () => (await dumps()) === 1, 'the first one streams')
      const second = other.run(() => other.log.texts.length > 0)
      await expect(ended).resolves.toMatchObject({ code: 'SERVER_ID_CLASH', recovery: 'retry' })
      await server().query('INSERT INTO t VALUES (1)', database)
      await second
    })

    /** Connections that stream. */
    async function dumps(): Promise<number> {
      const rows = await server().query(
        "SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'",
      )
      return rows.length
    }
  },
  { options: ['--max-allowed-packet=256M'] },
)

await describeEachFlavor(flavor => {
  it('notices a server that says nothing any more, and goes on when it does', async () => {
    await using server = await startMysql({ flavor })
    const database = await server.createDatabase()
    await server.query('CREATE TABLE t (id int PRIMARY KEY)', database)
    const rig = mysqlRig(server, database)
    await rig.begin()
    const ended = rig.streamError()
    await until(
      async () => (await server.query('SHOW PROCESSLIST')).some(row => /Binlog Dump/.test(row.Command ?? '')),
      'it streams',
    )
    process.kill(server.pid!, 'SIGSTOP')
    try {
      await expect(ended).resolves.toMatchObject({ code: 'SOURCE_SILENT', recovery: 'retry' })
    } finally {
      process.kill(server.pid!, 'SIGCONT')
    }
    await server.query('INSERT INTO t VALUES (1)', database)
    await rig.run(() => rig.log.texts.length === 1)
  }, 90_000)

  describe('over TLS', () => {
    itIf(hasOpenssl, 'there is no openssl')(
      'reads a server whose certificate it is given, and refuses it without',
      async () => {
        await using server = await startMysql({ flavor, tls: true })
        const database = await server.createDatabase()
        await server.query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)', database)
        const url = `${server.url()}?sslmode=verify-full`
        const strict = mysqlRig(server, database, { config: { url } })
        expect(await strict.startError()).toMatchObject({ code: expect.stringMatching(/TLS|CERT|UNREACHABLE/) })
        const rig = mysqlRig(server, database, { config: { url: `${url}&sslrootcert=${server.certificate}` } })
        await rig.begin()
        await server.query('INSERT INTO t VALUES (2)', database)
        await rig.run(() => rig.log.texts.length === 1)
        expect(rig.log.texts).toEqual([`c app.${database}.t [2]`])
      },
    )
  })
})
