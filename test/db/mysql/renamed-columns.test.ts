import { expect, it } from '@jest/globals'
import { CopyRig } from '../../support/mysql/copy-rig.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'

await describeFlavors(server => {
  it('a renamed column has its values in every row, also in rows of a version that only the stream has had', async () => {
    await using rig = await CopyRig.open(
      server(),
      'CREATE TABLE t (id int PRIMARY KEY, v int, u int); INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)',
    )
    for (const sql of ['ALTER TABLE t ADD COLUMN a int', 'INSERT INTO t VALUES (5, 5, 5, 5)']) {
      await rig.sql(sql)
      await rig.caughtUp()
    }
    await rig.sql('ALTER TABLE t RENAME COLUMN u TO x')
    const cells = 'SELECT CAST(id AS TEXT), CAST(v AS TEXT), CAST(x AS TEXT), CAST(a AS TEXT)'
    await rig.sql('INSERT INTO t VALUES (6, 6, 6, 6)')
    await rig.settled('t')
    expect(rig.sink(`${cells} FROM "${rig.database}_t" ORDER BY id`)).toEqual([
      '["1","1","1",null]',
      '["2","2","2",null]',
      '["5","5","5","5"]',
      '["6","6","6","6"]',
    ])
  })
})
