import { expect, it } from '@jest/globals'
import { CopyRig } from '../../support/mysql/copy-rig.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { mysqlRig } from '../../support/mysql/source.ts'
import { until } from '../../support/until.ts'

await describeFlavors(server => {
  it('a load of a table that is dropped meanwhile ends, and is not asked for again', async () => {
    const database = await server().createDatabase()
    await server().query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)', database)
    const rig = mysqlRig(server(), database)
    await rig.begin()
    await using source = rig.open()
    const signal = AbortSignal.timeout(20_000)
    await source.start(rig.log.resume(), signal)
    const name = `app.${database}.t`
    const request = source.request(name, { kind: 'all' }, false)!
    await server().query('DROP TABLE t', database)
    const load = source.load(request, signal)[Symbol.asyncIterator]()
    await expect(load.next()).rejects.toMatchObject({ code: 'LOAD_INTERRUPTED', recovery: 'retry' })
    expect(source.request(name, { kind: 'all' }, false)).toBeUndefined()
    await expect(source.load(request, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'LOAD_INTERRUPTED',
    })
  })

  it('tables that come and go while the pipeline is behind keep nobody waiting', async () => {
    await using rig = await CopyRig.open(
      server(),
      'CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)',
    )
    await rig.stop()
    for (let i = 0; i < 5; i++)
      await rig.sql(
        `CREATE TABLE _t_new LIKE t; ALTER TABLE _t_new ADD COLUMN c${i} int DEFAULT ${i}; INSERT INTO _t_new (id, v) SELECT id, v FROM t;
         RENAME TABLE t TO _t_old, _t_new TO t; DROP TABLE _t_old`,
      )
    await rig.start()
    const { source, sink } = await rig.settled('t')
    expect(sink).toEqual(source)
    await until(
      async () => (await rig.source()).tables.every(({ state }) => state === 'streaming'),
      'no table is loaded',
    )
  })
})
