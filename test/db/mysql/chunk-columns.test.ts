import { expect, it } from '@jest/globals'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { mysqlRig } from '../../support/mysql/source.ts'

await describeFlavors(server => {
  it('a chunk has the columns that its table had when it was read, not when the load began', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)', database)
    const rig = mysqlRig(server(), database)
    await rig.begin()
    await using source = rig.open()
    const signal = AbortSignal.timeout(20_000)
    await source.start(rig.log.resume(), signal)
    const request = source.request(`app.${database}.t`, { kind: 'all' }, false)!
    await server().query('ALTER TABLE t ADD COLUMN w int FIRST; UPDATE t SET w = 10 * id', database)
    const rows: Record<string, unknown>[] = []
    for await (const chunk of source.load(request, signal))
      for (const change of chunk.rows) if (change.kind === 'r') rows.push(change.toObject())
    expect(rows).toEqual([
      { w: 10, id: 1, v: 1 },
      { w: 20, id: 2, v: 2 },
    ])
  })
})
