/** What is logged as text says nothing of rows. */
import { expect, it } from '@jest/globals'
import { CopyRig } from '../../support/mysql/copy-rig.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'

const TABLES = `CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE other (id int PRIMARY KEY, v int);
  INSERT INTO t VALUES (1, 1), (2, 2); INSERT INTO other VALUES (1, 1)`

await describeFlavors(server => {
  it('stops at a statement that changes a captured table, and goes on after the tables were read again', async () => {
    await using rig = await CopyRig.open(server(), TABLES, { tables: ['t'] })
    await rig.sql(
      "SET SESSION binlog_format = 'STATEMENT'; UPDATE t SET v = 7 WHERE id = 1; DELETE FROM t WHERE id = 2",
    )
    const error = await rig.failure()
    expect(error.code).toBe('BINLOG_STATEMENT')
    expect(error.message).toContain(`${rig.database}.t`)
    expect(error.message + error.hint).not.toContain('= 7')
    await rig.stop()
    await rig.open()
    expect((await rig.failure()).code).toBe('BINLOG_STATEMENT')
    await rig.resync()
    await rig.sql('INSERT INTO t VALUES (3, 3)')
    const { source, sink } = await rig.settled('t')
    expect(sink).toEqual(source)
  })

  it('goes on through statements that change other tables', async () => {
    await using rig = await CopyRig.open(server(), TABLES, { tables: ['t'] })
    await rig.sql(`SET SESSION binlog_format = 'STATEMENT'; UPDATE other SET v = 7; SET SESSION binlog_format = 'ROW';
      BEGIN; INSERT INTO t VALUES (3, 3); SET @x = 1; COMMIT`)
    const { source, sink } = await rig.settled('t')
    expect(sink).toEqual(source)
  })
})
