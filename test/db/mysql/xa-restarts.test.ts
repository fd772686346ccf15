import { rmSync, statSync, truncateSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { copiedColumn, mysqlPipeline } from '../../support/mysql/pipeline.ts'
import { prepare, XaRig } from '../../support/mysql/xa-rig.ts'
import { until } from '../../support/until.ts'

const SECOND = 1000

await describeFlavors(server => {
  let xa: XaRig

  beforeEach(async () => {
    xa = await XaRig.make(server())
  })

  afterEach(() => xa[Symbol.dispose]())

  it(
    'keeps them through a restart of the server',
    async () => {
      await xa.rig.begin()
      await xa.run(prepare("'a'", "INSERT INTO t VALUES (1, 'kept')"))
      await xa.follow()
      await server().restart()
      await xa.run("XA COMMIT 'a'")
      await xa.follow()
      expect(xa.rows).toEqual(['c t [1,"kept"]'])
    },
    40 * SECOND,
  )
  it(
    'loses and repeats nothing wherever it is stopped',
    async () => {
      await xa.rig.begin()
      await xa.run(prepare("'a'", "INSERT INTO t VALUES (1, 'a')"))
      // The unit that names the file is lost, and the file is not.
      await xa.followInVain(true)
      await xa.followInVain(false)
      expect(xa.rows).toEqual([])
      await xa.follow()
      // Prepared and committed in what is lost, and what is durable names the file.
      await xa.run("XA COMMIT 'a'")
      await xa.run(prepare("'a'", "INSERT INTO t VALUES (2, 'again')"))
      await xa.followInVain(true)
      expect(xa.files).toHaveLength(2)
      // Durable, but the source was not told.
      await xa.follow({ ack: false })
      expect(xa.rows).toEqual(['c t [1,"a"]'])
      expect(xa.files).toHaveLength(2)
      // The next start removes what nobody needs.
      await xa.followInVain(true)
      expect(xa.files).toHaveLength(1)
      await xa.run("XA COMMIT 'a'")
      await xa.followInVain(true)
      await xa.follow()
      expect(xa.rows).toEqual(['c t [1,"a"]', 'c t [2,"again"]'])
      await until(() => xa.files.length === 0, 'all files are gone')
    },
    60 * SECOND,
  )
  it('stops with a code, and a resync helps, where the file is gone or damaged', async () => {
    await xa.rig.begin()
    await xa.run(prepare("'lost'", "INSERT INTO t VALUES (1, 'lost')"))
    await xa.follow()
    const [file] = xa.files
    truncateSync(file!, statSync(file!).size - 1)
    expect(await xa.rig.startError()).toMatchObject({
      code: 'XA_LOST',
      recovery: 'stop',
      hint: expect.stringMatching(/resnapshot/),
    })
    rmSync(file!)
    expect(await xa.rig.startError()).toMatchObject({ code: 'XA_LOST' })
    await using source = xa.rig.open()
    const loads = await source.start(xa.rig.log.resume(), AbortSignal.timeout(20 * SECOND), { resync: true })
    expect(loads.map(({ table, sweep }) => [table.table, sweep]).sort()).toEqual([
      ['marks', true],
      ['s', true],
      ['t', true],
    ])
  })
  it(
    'reads all tables again where one is committed that was prepared before the first load',
    async () => {
      await xa.run(prepare("'early'", "INSERT INTO t VALUES (1, 'unseen')"))
      await xa.rig.begin()
      expect(xa.rows).toEqual([])
      await xa.run("XA COMMIT 'early'")
      await using source = xa.rig.open()
      const signal = AbortSignal.timeout(20 * SECOND)
      const asked = async () => {
        const due: string[] = []
        for await (const request of source.due(signal)) {
          expect(request).toMatchObject({ sweep: true, beside: true, scope: { kind: 'all' } })
          due.push(request.table.table)
          if (due.length === 3) return due.sort()
        }
        return due
      }
      let due: Promise<string[]> | undefined
      for await (const _ of xa.rig.stream(source, signal)) {
        due ??= asked()
        if (xa.rig.log.lines.some(({ text }) => text === `s app.${xa.database}.t`) && (await settled(due))) break
      }
      expect(await due).toEqual(['marks', 's', 't'])
      // Also where it is stopped before the tables were read.
      await using next = xa.rig.open()
      const loads = await next.start(xa.rig.log.resume(), signal)
      expect(loads.map(({ table, sweep }) => [table.table, sweep]).sort()).toEqual([
        ['marks', true],
        ['s', true],
        ['t', true],
      ])
    },
    40 * SECOND,
  )

  it(
    'reads rows that an XA transaction had prepared before the source began',
    async () => {
      const database = await server().createDatabase()
      await server().query('CREATE TABLE c (id int PRIMARY KEY)', database)
      await server().query(prepare("'early'", 'INSERT INTO c VALUES (1)'), database)
      await using t = await mysqlPipeline(server(), database)
      await t.synced(undefined, { timeout: 30 * SECOND })
      expect(copiedColumn(t, database, 'c', 'id')).toEqual([])
      await server().query("XA COMMIT 'early'", database)
      await until(() => copiedColumn(t, database, 'c', 'id').length === 1, 'the row is in the sink', 30)
    },
    60 * SECOND,
  )

  it('does not read them again where that one is rolled back', async () => {
    await xa.run(prepare("'early'", "INSERT INTO t VALUES (1, 'unseen')"))
    await xa.rig.begin()
    await xa.run("XA ROLLBACK 'early'")
    await xa.follow()
    await using next = xa.rig.open()
    expect(await next.start(xa.rig.log.resume(), AbortSignal.timeout(20 * SECOND))).toEqual([])
  })
})

async function settled(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([
    promise.then(() => true),
    new Promise<boolean>(resolve => setImmediate(() => resolve(false))),
  ])
}
