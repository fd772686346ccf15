import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type pg from 'pg'
import type { Position, Resume } from '../../runtime/contract.ts'
import { PaperLog } from '../support/paper-log.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'

describe('the stream of PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  /** A database with these tables, a rig whose stream has begun, and a connection. */
  async function begin(ddl: string): Promise<{ rig: StreamRig; client: pg.Client; url: string }> {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql(ddl, [], database)
    const rig = new StreamRig(url)
    await rig.begin()
    return { rig, client: await server.connect(database), url }
  }

  it('goes on at any commit, also where the next commit record begins at the end of the one before', async () => {
    const { rig, client, url } = await begin('CREATE TABLE t (id int PRIMARY KEY, tag text)')
    const others = await Promise.all([1, 2, 3].map(() => server.connect(new URL(url).pathname.slice(1))))
    for (let round = 0; round < 3; round++) {
      // Begun in one order, committed in another, with nothing between the commits.
      for (const [i, other] of others.entries())
        await other.query(`BEGIN; INSERT INTO t VALUES (${round * 3 + i}), (${100 + round * 3 + i})`)
      for (const other of others.toReversed()) await other.query('COMMIT')
    }
    for (const one of [client, ...others]) await one.end()
    const from = rig.log.resume()!
    await rig.run(() => rig.log.transactions.length === 9, { ack: false })
    const { rows } = rig.log
    const commits = [...new Set(rows.map(({ commit }) => commit))]
    expect(commits).toHaveLength(9)
    for (const commit of commits) {
      const resume: Resume = { ...from, stream: commit as Position }
      const expected = rows.slice(rows.findIndex(row => row.commit === commit))
      const again = new StreamRig(url, {}, new PaperLog(from.tables))
      await using source = again.open()
      for await (const batch of again.stream(source, AbortSignal.timeout(20_000), resume))
        if (batch.end !== undefined && again.log.rows.length >= expected.length) break
      expect(again.log.rows).toEqual(expected)
    }
  })

  it('brings a new key as the delete of the old and the upsert of the new, and truncates of several tables', async () => {
    const { rig, client } = await begin(`
      CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY REFERENCES a, v text)`)
    await client.query(`INSERT INTO a VALUES (1, 'x')`)
    await client.query(`UPDATE a SET id = 2`)
    await client.query(
      `BEGIN; INSERT INTO b VALUES (2, 'y'); TRUNCATE a CASCADE; INSERT INTO a VALUES (3, 'z'); COMMIT`,
    )
    await client.end()
    await rig.run(() => rig.log.transactions.length === 3)
    const truncates = rig.log.texts.slice(4, 6).sort()
    expect(rig.log.texts.map(text => text.replace(/"t[^"]*"/, 'key'))).toEqual([
      'c app.public.a [1,"x"]',
      'd app.public.a key',
      'u app.public.a [2,"x"]',
      'c app.public.b [2,"y"]',
      ...rig.log.texts.slice(4, 6),
      'c app.public.a [3,"z"]',
    ])
    expect(truncates).toEqual(['t app.public.a', 't app.public.b'])
  })

  it('leaves a large value absent that was not sent, and has it under REPLICA IDENTITY FULL', async () => {
    const { rig, client } = await begin(`
      CREATE TABLE part (id int PRIMARY KEY, big text); CREATE TABLE whole (id int PRIMARY KEY, big text);
      ALTER TABLE part ALTER big SET STORAGE EXTERNAL; ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
      ALTER TABLE whole REPLICA IDENTITY FULL`)
    await client.query(`INSERT INTO whole VALUES (1, repeat('w', 5000)); UPDATE whole SET id = 2`)
    await client.query(`INSERT INTO part VALUES (1, repeat('p', 5000)); UPDATE part SET id = id`)
    await client.query('UPDATE part SET id = 2')
    await client.end()
    await rig.run(() => rig.log.texts.includes('u app.public.part [2,null]'))
    const big = `"${'w'.repeat(5000)}"`
    expect(rig.log.texts).toContain(`u app.public.whole [2,${big}]`)
    // Unchanged and not sent: absent, neither null nor a placeholder.
    expect(rig.log.texts).toContain('u app.public.part [1,null]')
  })

  it('gives each row the columns of its moment, across changes of the table and a stop in between', async () => {
    const { rig, client } = await begin('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await client.query(`INSERT INTO t VALUES (1, 'x')`)
    await client.query('ALTER TABLE t ADD COLUMN b int')
    await client.query(`INSERT INTO t VALUES (2, 'x', 20)`)
    await client.query('ALTER TABLE t RENAME COLUMN b TO c')
    await client.query(`INSERT INTO t VALUES (3, 'x', 30)`)
    await rig.run(() => rig.log.transactions.length === 3)
    await client.query('ALTER TABLE t DROP COLUMN a')
    await client.query('INSERT INTO t VALUES (4, 40)')
    await client.end()
    await rig.run(() => rig.log.transactions.length === 4)
    expect(rig.log.texts).toEqual([
      'c app.public.t [1,"x"]',
      'c app.public.t [2,"x",20]',
      'c app.public.t [3,"x",30]',
      'c app.public.t [4,40]',
    ])
    const { tables } = rig.log.resume()!
    // Numbered as they are met: the second start saw the newest of its columns before the stream came to the others.
    expect(tables.map(({ columns }) => columns.map(({ name }) => name).join()).sort()).toEqual([
      'id,a',
      'id,a,b',
      'id,a,c',
      'id,c',
    ])
    expect(tables.map(({ version, id }) => [version, id])).toEqual([1, 2, 3, 4].map(n => [n, n]))
  })

  it('goes on behind a change of the table that altered rows without events, and has the table read again, also later', async () => {
    const { rig, client } = await begin('CREATE TABLE t (id int PRIMARY KEY)')
    await client.query('INSERT INTO t VALUES (1)')
    const change = async (): Promise<void> => {
      if (rig.log.transactions.length !== 1) return
      await client.query('INSERT INTO t VALUES (2)')
      await client.query('ALTER TABLE t ADD COLUMN b int DEFAULT 5')
      await client.query('INSERT INTO t VALUES (3)')
    }
    await rig.run(() => rig.log.transactions.length === 3, { each: change })
    await client.end()
    expect(rig.log.texts).toEqual(['c app.public.t [1]', 'c app.public.t [2]', 'c app.public.t [3,5]'])
    // It was not read again: the next start says so as well.
    await using source = rig.open()
    const requests = await source.start(rig.log.resume(), AbortSignal.timeout(30_000))
    expect(requests).toMatchObject([{ table: { table: 't', version: 2 }, beside: true, sweep: true }])
  })

  it('hands over a huge transaction in parts, within bounded memory, as one unit', async () => {
    const { rig, client } = await begin('CREATE TABLE t (id int PRIMARY KEY, body text)')
    await client.query(`INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i`)
    await client.query(`INSERT INTO t VALUES (0, 'behind it')`)
    await client.end()
    let largest = 0
    let rows = 0
    await using source = rig.open()
    const signal = AbortSignal.timeout(30_000)
    await source.start(rig.log.resume(), signal)
    let parts = 0
    const ends: number[] = []
    for await (const batch of source.changes(signal)) {
      largest = Math.max(largest, batch.bytes.length)
      rows += batch.count
      parts++
      if (batch.end !== undefined) ends.push(rows)
      if (rows === 100_001) break
    }
    expect(parts).toBeGreaterThan(8)
    expect(largest).toBeLessThan(6 * 1024 * 1024)
    expect(ends[0]).toBeGreaterThanOrEqual(100_000)
  })

  it('takes a value that is larger than every buffer, and refuses one beyond the limit', async () => {
    const { rig, client, url } = await begin('CREATE TABLE t (id int PRIMARY KEY, body text)')
    await client.query(`INSERT INTO t VALUES (1, repeat('x', 9000000))`)
    await rig.run(() => rig.log.transactions.length === 1)
    expect(rig.log.texts[0]).toHaveLength('c app.public.t [1,""]'.length + 9_000_000)
    await client.query(`INSERT INTO t VALUES (2, repeat('x', 9000000))`)
    await client.end()
    const strict = new StreamRig(url, { maxValueBytes: '4MB' }, rig.log)
    await expect(strict.run(() => false)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE', recovery: 'stop' })
  })
})
