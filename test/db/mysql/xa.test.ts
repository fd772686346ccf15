import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Connection } from 'mysql2/promise'
import { parsePosition } from '../../../connectors/mysql/position.ts'
import type { MysqlSource } from '../../../connectors/mysql/source.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { mysqlRig } from '../../support/mysql/source.ts'
import type { SourceRig } from '../../support/source-rig.ts'
import { until } from '../../support/until.ts'

/** Statements of one XA transaction up to its PREPARE. */
function prepare(xid: string, ...statements: string[]): string {
  return [`XA START ${xid}`, ...statements, `XA END ${xid}`, `XA PREPARE ${xid}`].join('; ')
}

const SECOND = 1000

await describeFlavors((server, flavor) => {
  let folder: string
  let database: string
  let rig: SourceRig<MysqlSource>

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tailrace-xa-'))
    database = await server().createDatabase()
    await server().query(
      `CREATE TABLE t (id int PRIMARY KEY, v varchar(20)); CREATE TABLE s (id int PRIMARY KEY, b longblob);
       CREATE TABLE marks (id int PRIMARY KEY)`,
      database,
    )
    rig = mysqlRig(server(), database, { folder })
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const run = (sql: string): Promise<unknown> => server().query(sql, database)

  const names = (): string[] => {
    try {
      return readdirSync(join(folder, 'xa'))
    } catch {
      return []
    }
  }

  /** Rows of the stream but those of `marks`, without the names of source and database. */
  const rows = (): string[] =>
    rig.log.texts.filter(text => !text.includes('.marks ')).map(text => text.replace(`app.${database}.`, ''))

  let lastMark = 0
  /** Streams until all that was committed by now is in the log. */
  const follow = async (options: { ack?: boolean } = {}): Promise<void> => {
    const id = ++lastMark
    await run(`INSERT INTO marks VALUES (${id})`)
    await rig.run(() => rig.log.texts.some(text => text.includes(`.marks [${id}]`)), options)
  }

  const open = (): readonly string[] => parsePosition(rig.log.position!).prepared

  it('brings the rows where they are committed, and none before', async () => {
    await rig.begin()
    await run(prepare("'a','b',3", "INSERT INTO t VALUES (1, 'one')", "UPDATE t SET v = 'two' WHERE id = 1"))
    await run("INSERT INTO t VALUES (2, 'between')")
    await follow()
    expect(rows()).toEqual(['c t [2,"between"]'])
    expect(open().map(name => name.split(' ')[0])).toEqual(["X'61',X'62',3"])
    expect(names()).toHaveLength(1)
    await run("XA COMMIT 'a','b',3")
    await follow()
    expect(rows()).toEqual(['c t [2,"between"]', 'c t [1,"one"]', 'u t [1,"two"]'])
    expect(open()).toEqual([])
    await until(() => names().length === 0, 'the file is gone')
  })

  it('gives them the transaction, the place and the time of their commit, and one unit', async () => {
    await rig.begin()
    await run(prepare("'a'", "INSERT INTO t VALUES (1, '')", "INSERT INTO s VALUES (1, 'x')"))
    await run("INSERT INTO t VALUES (2, '')")
    await run("XA COMMIT 'a'")
    await follow()
    const lines = rig.log.rows.filter(({ text }) => !text.includes('.marks '))
    expect(rows()).toEqual(['c t [2,""]', 'c t [1,""]', 'c s [1,"eA=="]'])
    const [between, first, second] = lines
    expect(first!.transaction).toBe(second!.transaction)
    expect(first!.transaction).not.toBe(between!.transaction)
    expect([first!.index, second!.index]).toEqual([0, 1])
    expect(
      rig.log.units.filter(({ lines }) => lines.some(({ transaction }) => transaction === first!.transaction)),
    ).toHaveLength(1)
  })

  it('forgets what is rolled back', async () => {
    await rig.begin()
    await run(prepare("'a'", "INSERT INTO t VALUES (1, 'never')"))
    await follow()
    expect(names()).toHaveLength(1)
    await run("XA ROLLBACK 'a'")
    await run(`XA START 'b'; INSERT INTO t VALUES (2, 'never'); XA END 'b'; XA ROLLBACK 'b'`)
    await follow()
    expect(rows()).toEqual([])
    expect(open()).toEqual([])
    await until(() => names().length === 0, 'the file is gone')
  })

  it('takes COMMIT ONE PHASE as the commit that it is, without a file', async () => {
    await rig.begin()
    await run(`XA START 'a'; INSERT INTO t VALUES (1, 'one'); XA END 'a'; XA COMMIT 'a' ONE PHASE`)
    await follow()
    expect(rows()).toEqual(['c t [1,"one"]'])
    expect(open()).toEqual([])
    expect(names()).toEqual([])
  })

  it('tells several apart that are prepared at a time, and one name that is used again', async () => {
    await rig.begin()
    const clients: Connection[] = []
    for (const [i, xid] of ["'a'", "'b'", "X'00ff',X'27',7"].entries()) {
      const client = await server().connect({ database })
      clients.push(client)
      await client.query(prepare(xid, `INSERT INTO t VALUES (${i}, 'first')`))
    }
    await follow()
    expect(open()).toHaveLength(3)
    // A session whose transaction is prepared is not given another.
    for (const client of clients) client.destroy()
    await until(async () => (await server().query('XA RECOVER')).length === 3, 'they are nobody’s')
    const end = async (sql: string): Promise<void> =>
      until(
        async () =>
          run(sql).then(
            () => true,
            () => false,
          ),
        `${sql} is done`,
      )
    await end("XA COMMIT 'b'")
    await end("XA ROLLBACK 'a'")
    await run(prepare("'a'", "INSERT INTO t VALUES (9, 'again')"))
    await end("XA COMMIT X'00ff',X'27',7")
    await end("XA COMMIT 'a'")
    await follow()
    expect(rows()).toEqual(['c t [1,"first"]', 'c t [2,"first"]', 'c t [9,"again"]'])
    expect(open()).toEqual([])
    await until(() => names().length === 0, 'their files are gone')
  })

  it(
    'keeps them through a restart of the server',
    async () => {
      await rig.begin()
      await run(prepare("'a'", "INSERT INTO t VALUES (1, 'kept')"))
      await follow()
      await server().restart()
      rig = mysqlRig(server(), database, { folder, log: rig.log })
      await run("XA COMMIT 'a'")
      await follow()
      expect(rows()).toEqual(['c t [1,"kept"]'])
    },
    40 * SECOND,
  )

  it(
    'loses and repeats nothing wherever it is stopped',
    async () => {
      await rig.begin()
      await run(prepare("'a'", "INSERT INTO t VALUES (1, 'a')"))
      // The unit that names the file is lost, and the file is not.
      await readOnly(true)
      await readOnly(false)
      expect(rows()).toEqual([])
      await follow()
      // Prepared and committed in what is lost, and what is durable names the file.
      await run("XA COMMIT 'a'")
      await run(prepare("'a'", "INSERT INTO t VALUES (2, 'again')"))
      await readOnly(true)
      expect(names()).toHaveLength(2)
      // Durable, but the source was not told.
      await follow({ ack: false })
      expect(rows()).toEqual(['c t [1,"a"]'])
      expect(names()).toHaveLength(2)
      // The next start removes what nobody needs.
      await readOnly(true)
      expect(names()).toHaveLength(1)
      await run("XA COMMIT 'a'")
      await readOnly(true)
      await follow()
      expect(rows()).toEqual(['c t [1,"a"]', 'c t [2,"again"]'])
      await until(() => names().length === 0, 'all files are gone')
    },
    60 * SECOND,
  )

  /** Streams to the end, or to its first unit, and the log gets nothing of it: as a crash before the unit is durable. */
  async function readOnly(isWhole: boolean): Promise<void> {
    const id = ++lastMark
    await run(`INSERT INTO marks VALUES (${id})`)
    await using source = rig.open()
    const signal = AbortSignal.timeout(20 * SECOND)
    await source.start(rig.log.resume(), signal)
    for await (const batch of source.changes(signal)) {
      const texts = [...batch].map(change =>
        change.kind === 'c' && change.table.table === 'marks' ? change.text(0) : '',
      )
      if (!isWhole || texts.includes(String(id))) return
    }
  }

  it('stops with a code, and a resync helps, where the file is gone or damaged', async () => {
    await rig.begin()
    await run(prepare("'lost'", "INSERT INTO t VALUES (1, 'lost')"))
    await follow()
    const [file] = names()
    const path = join(folder, 'xa', file!)
    truncateSync(path, statSync(path).size - 1)
    expect(await rig.startError()).toMatchObject({
      code: 'XA_LOST',
      recovery: 'stop',
      hint: expect.stringMatching(/resnapshot/),
    })
    rmSync(path)
    expect(await rig.startError()).toMatchObject({ code: 'XA_LOST' })
    await using source = rig.open()
    const loads = await source.start(rig.log.resume(), AbortSignal.timeout(20 * SECOND), { resync: true })
    expect(loads.map(({ table, sweep }) => [table.table, sweep]).sort()).toEqual([
      ['marks', true],
      ['s', true],
      ['t', true],
    ])
  })

  it(
    'reads all tables again where one is committed that was prepared before the first load',
    async () => {
      await run(prepare("'early'", "INSERT INTO t VALUES (1, 'unseen')"))
      await rig.begin()
      expect(rows()).toEqual([])
      await run("XA COMMIT 'early'")
      await using source = rig.open()
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
      for await (const _ of rig.stream(source, signal)) {
        due ??= asked()
        if (rig.log.lines.some(({ text }) => text === `s app.${database}.t`) && (await settled(due))) break
      }
      expect(await due).toEqual(['marks', 's', 't'])
      // Also where it is stopped before the tables were read.
      await using next = rig.open()
      const loads = await next.start(rig.log.resume(), signal)
      expect(loads.map(({ table, sweep }) => [table.table, sweep]).sort()).toEqual([
        ['marks', true],
        ['s', true],
        ['t', true],
      ])
    },
    40 * SECOND,
  )

  it('does not read them again where that one is rolled back', async () => {
    await run(prepare("'early'", "INSERT INTO t VALUES (1, 'unseen')"))
    await rig.begin()
    await run("XA ROLLBACK 'early'")
    await follow()
    await using next = rig.open()
    expect(await next.start(rig.log.resume(), AbortSignal.timeout(20 * SECOND))).toEqual([])
  })

  it(
    'holds a large one in little memory',
    async () => {
      await rig.begin()
      const inserts = Array.from({ length: 64 }, (_, i) => `INSERT INTO s VALUES (${i}, REPEAT('x', 1048576 + ${i}))`)
      await run(prepare("'large'", ...inserts))
      await follow()
      const [file] = names()
      expect(statSync(join(folder, 'xa', file!)).size).toBeGreaterThan(64 * 1048576)
      await run("XA COMMIT 'large'")
      const sizes: number[] = []
      let parts = 0
      await using source = rig.open()
      const signal = AbortSignal.timeout(30 * SECOND)
      await source.start(rig.log.resume(), signal)
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
        await rig.begin()
        const compressed = 'SET binlog_transaction_compression = ON; '
        await run(
          compressed +
            prepare("'a'", `INSERT INTO t VALUES (1, 'one')`, "INSERT INTO s VALUES (1, REPEAT('x', 2000000))"),
        )
        await follow()
        expect(open()).toHaveLength(1)
        expect(rows()).toEqual([])
        await run(`${compressed}XA COMMIT 'a'`)
        await run(`${compressed}XA START 'b'; INSERT INTO t VALUES (2, 'two'); XA END 'b'; XA COMMIT 'b' ONE PHASE`)
        await follow()
        expect(rows().map(text => text.slice(0, 14))).toEqual(['c t [1,"one"]', 'c s [1,"eHh4eH', 'c t [2,"two"]'])
      })
    })
})

async function settled(promise: Promise<unknown>): Promise<boolean> {
  return await Promise.race([
    promise.then(() => true),
    new Promise<boolean>(resolve => setImmediate(() => resolve(false))),
  ])
}
