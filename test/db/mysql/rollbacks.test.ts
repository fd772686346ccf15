import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { MysqlSource } from '../../../connectors/mysql/source.ts'
import { describeEachFlavor } from '../../support/mysql/flavors.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'
import { mysqlRig } from '../../support/mysql/source.ts'
import type { SourceRig } from '../../support/source-rig.ts'

/** MySQL forbids what is tested here where it has GTIDs. */
const WITHOUT_GTID = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF']
const LONG = 60_000

await describeEachFlavor(flavor => {
  let server: MysqlServer
  let database: string
  let rig: SourceRig<MysqlSource>

  beforeAll(async () => {
    server = await startMysql({ flavor, options: flavor === 'mysql' ? WITHOUT_GTID : [] })
  }, LONG)
  afterAll(() => server[Symbol.asyncDispose]())

  beforeEach(async () => {
    database = await server.createDatabase()
    await server.query(
      `CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE m (id int PRIMARY KEY AUTO_INCREMENT) ENGINE=MyISAM;
       CREATE TABLE pair (id int PRIMARY KEY); CREATE TRIGGER b AFTER INSERT ON pair FOR EACH ROW INSERT INTO m VALUES ()`,
      database,
    )
    rig = mysqlRig(server, database, { config: { exclude: [`${database}.m`] } })
    await rig.begin()
  })

  /** Rows of the stream behind these statements and a last one of ours. */
  async function rowsOf(statements: string): Promise<string[]> {
    const last = `c app.${database}.t [99]`
    await server.query(`${statements}; INSERT INTO t VALUES (99)`, database)
    await rig.run(() => rig.log.texts.includes(last))
    return rig.log.texts.filter(text => text !== last).map(text => text.replace(`app.${database}.`, ''))
  }

  const MIXED = 'BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO pair VALUES (1); ROLLBACK TO s; COMMIT'

  if (flavor === 'mariadb')
    it('stops where rows stay in the log that were taken back to a savepoint, beside a table without transactions', async () => {
      await server.query(MIXED, database)
      expect(await rig.streamError()).toMatchObject({ code: 'BINLOG_ROLLBACK', recovery: 'stop' })
      expect(rig.log.texts).toEqual([])
    })
  else
    it('has no row that was taken back to a savepoint, beside a table without transactions', async () => {
      expect(await rowsOf(MIXED)).toEqual(['c t [1]'])
    })

  it('has no row that was rolled back, beside a table without transactions', async () => {
    expect(await rowsOf('BEGIN; INSERT INTO t VALUES (1); INSERT INTO pair VALUES (1); ROLLBACK')).toEqual([])
  })

  it('has the rows that stay around a savepoint that was taken back to', async () => {
    const statements =
      'BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (2); ROLLBACK TO s; INSERT INTO t VALUES (3); COMMIT'
    expect(await rowsOf(statements)).toEqual(['c t [1]', 'c t [3]'])
  })
})
