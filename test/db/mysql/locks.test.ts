/** What others notice of the lock that a load without GTIDs needs. */
import { expect, it } from '@jest/globals'
import { CopyRig } from '../../support/mysql/copy-rig.ts'
import { PacedWrites } from '../../support/mysql/paced-writes.ts'
import { availableMysql } from '../../support/mysql/programs.ts'
import { startMysql } from '../../support/mysql/server.ts'
import { describeIf } from '../../support/skip.ts'
import { until } from '../../support/until.ts'

/** The lock is asked for during 100 ms at a time; a busy machine adds what it takes itself. */
const LONGEST_MS = 500

const available = await availableMysql('mysql')
const reason = 'reason' in available ? available.reason : ''

describeIf('programs' in available, reason)('a load of MySQL without GTIDs', () => {
  it('holds nobody up for long where somebody who has written does not end, and comes to its end once they do', async () => {
    await using server = await startMysql({
      flavor: 'mysql',
      options: ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'],
    })
    const rows = Array.from({ length: 100 }, (_, id) => `(${id}, 0)`)
    await using rig = await CopyRig.open(server, 'CREATE TABLE other (id int PRIMARY KEY, n int)')
    await rig.stop()
    await rig.sql(`CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES ${rows.join(', ')}`)
    const open = await server.connect({ database: rig.database })
    await open.query('BEGIN; UPDATE t SET n = 1 WHERE id = 0')
    {
      await using writes = await PacedWrites.start(server, {
        database: rig.database,
        statement: () => `UPDATE t SET n = n + 1 WHERE id = ${1 + Math.floor(Math.random() * 99)}`,
        rate: 100,
        connections: 4,
      })
      await rig.open()
      let isAsked = false
      let given = 0
      const { slowestMs } = await writes.during(() =>
        until(
          async () => {
            const [row] = await rig.sql(
              "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE info LIKE 'FLUSH TABLES%'",
            )
            if (isAsked && row!.n === '0') given++
            isAsked = row!.n !== '0'
            return given === 3
          },
          'the lock was asked for and given up again and again',
          60,
        ),
      )
      expect(slowestMs).toBeLessThan(LONGEST_MS)
      await open.query('COMMIT')
    }
    await open.end()
    const { source, sink } = await rig.settled('t')
    expect(source).toHaveLength(100)
    expect(sink).toEqual(source)
  }, 120_000)
})
