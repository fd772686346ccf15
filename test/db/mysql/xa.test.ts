import { statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Connection } from 'mysql2/promise'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { prepare, XaRig } from '../../support/mysql/xa-rig.ts'
import { until } from '../../support/until.ts'

const SECOND = 1000

await describeFlavors((server, flavor) => {
  let xa: XaRig

  beforeEach(async () => {
    xa = await XaRig.make(server())
  })

  afterEach(() => xa[Symbol.dispose]())

  it('brings the rows where they are committed, and none before', async () => {
    await xa.rig.begin()
    await xa.run(prepare("'a','b',3", "INSERT INTO t VALUES (1, 'one')", "UPDATE t SET v = 'two' WHERE id = 1"))
    await xa.run("INSERT INTO t VALUES (2, 'between')")
    await xa.follow()
    expect(xa.rows).toEqual(['c t [2,"between"]'])
    expect(xa.open).toEqual(["X'61',X'62',3"])
    expect(xa.files).toHaveLength(1)
    await xa.run("XA COMMIT 'a','b',3")
    await xa.follow()
    expect(xa.rows).toEqual(['c t [2,"between"]', 'c t [1,"one"]', 'u t [1,"two"]'])
    expect(xa.open).toEqual([])
    await until(() => xa.files.length === 0, 'the file is gone')
  })

  it('gives them the transaction, the place and the time of their commit, and one unit', async () => {
    await xa.rig.begin()
    await xa.run(prepare("'a'", "INSERT INTO t VALUES (1, '')", "INSERT INTO s VALUES (1, 'x')"))
    await xa.run("INSERT INTO t VALUES (2, '')")
    await xa.run("XA COMMIT 'a'")
    await xa.follow()
    const lines = xa.rig.log.rows.filter(({ text }) => !text.includes('.marks '))
    expect(xa.rows).toEqual(['c t [2,""]', 'c t [1,""]', 'c s [1,"eA=="]'])
    const [between, first, second] = lines
    expect(first!.transaction).toBe(second!.transaction)
    expect(first!.transaction).not.toBe(between!.transaction)
    expect([first!.index, second!.index]).toEqual([0, 1])
    expect(
      xa.rig.log.units.filter(({ lines }) => lines.some(({ transaction }) => transaction === first!.transaction)),
    ).toHaveLength(1)
  })

  it('forgets what is rolled back', async () => {
    await xa.rig.begin()
    await xa.run(prepare("'a'", "INSERT INTO t VALUES (1, 'never')"))
    await xa.follow()
    expect(xa.files).toHaveLength(1)
    await xa.run("XA ROLLBACK 'a'")
    await xa.run(`XA START 'b'; INSERT INTO t VALUES (2, 'never'); XA END 'b'; XA ROLLBACK 'b'`)
    await xa.follow()
    expect(xa.rows).toEqual([])
    expect(xa.open).toEqual([])
    await until(() => xa.files.length === 0, 'the file is gone')
  })

  it('takes COMMIT ONE PHASE as the commit that it is, without a file', async () => {
    await xa.rig.begin()
    await xa.run(`XA START 'a'; INSERT INTO t VALUES (1, 'one'); XA END 'a'; XA COMMIT 'a' ONE PHASE`)
    await xa.follow()
    expect(xa.rows).toEqual(['c t [1,"one"]'])
    expect(xa.open).toEqual([])
    expect(xa.files).toEqual([])
  })

  it('tells several apart that are prepared at a time, and one name that is used again', async () => {
    await xa.rig.begin()
    const clients: Connection[] = []
    for (const [i, xid] of ["'a'", "'b'", "X'00ff',X'27',7"].entries()) {
      const client = await server().connect({ database: xa.database })
      clients.push(client)
      await client.query(prepare(xid, `INSERT INTO t VALUES (${i}, 'first')`))
    }
    await xa.follow()
    expect(xa.open).toHaveLength(3)
    // A session whose transaction is prepared is not given another.
    for (const client of clients) client.destroy()
    await until(async () => (await server().query('XA RECOVER')).length === 3, 'they are nobody’s')
    const end = async (sql: string): Promise<void> =>
      until(
        async () =>
          xa.run(sql).then(
            () => true,
            () => false,
          ),
        `${sql} is done`,
      )
    await end("XA COMMIT 'b'")
    await end("XA ROLLBACK 'a'")
    await xa.run(prepare("'a'", "INSERT INTO t VALUES (9, 'again')"))
    await end("XA COMMIT X'00ff',X'27',7")
    await end("XA COMMIT 'a'")
    await xa.follow()
    expect(xa.rows).toEqual(['c t [1,"first"]', 'c t [2,"first"]', 'c t [9,"again"]'])
    expect(xa.open).toEqual([])
    await until(() => xa.files.length === 0, 'their files are gone')
  })
  it(
    'holds a large one in little memory',
    async () => {
      await xa.rig.begin()
      const inserts = Array.from({ length: 64 }, (_, i) => `INSERT INTO s VALUES (${i}, REPEAT('x', 1048576 + ${i}))`)
      await xa.run(prepare("'large'", ...inserts))
      await xa.follow()
      const [file] = xa.files
      expect(statSync(file!).size).toBeGreaterThan(64 * 1048576)
      await xa.run("XA COMMIT 'large'")
      const sizes: number[] = []
      let parts = 0
      await using source = xa.rig.open()
      const signal = AbortSignal.timeout(30 * SECOND)
      await source.start(xa.rig.log.resume(), signal)
      for await (const batch of source.changes(signal)) {
        parts++
        for (const change of batch) if (change.kind === 'c') sizes.push(change.cell(1).length)
        expect(batch.bytes.length).toBeLessThan(16 * 1048576)
        if (batch.end !== undefined && sizes.length > 0) break
      }
      // Bytes are in the log as hexadecimal digits.
      expect(sizes).toEqual(inserts.map((_, i) => 2 * (1048576 + i) + 2))
      expect(parts).toBeGreaterThan(4)
    },
    60 * SECOND,
  )
  if (flavor === 'mysql')
    describe('in a compressed payload', () => {
      it('is followed likewise', async () => {
        await xa.rig.begin()
        const compressed = 'SET binlog_transaction_compression = ON; '
        await xa.run(
          compressed +
            prepare("'a'", `INSERT INTO t VALUES (1, 'one')`, "INSERT INTO s VALUES (1, REPEAT('x', 2000000))"),
        )
        await xa.follow()
        expect(xa.open).toHaveLength(1)
        expect(xa.rows).toEqual([])
        await xa.run(`${compressed}XA COMMIT 'a'`)
        await xa.run(`${compressed}XA START 'b'; INSERT INTO t VALUES (2, 'two'); XA END 'b'; XA COMMIT 'b' ONE PHASE`)
        await xa.follow()
        expect(xa.rows.map(text => text.slice(0, 14))).toEqual(['c t [1,"one"]', 'c s [1,"eHh4eH', 'c t [2,"two"]'])
      })
    })
})
