import { fork } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { sqlitePlace } from '../../support/file-places.ts'
import { GenerationRig } from '../../support/generation-rig.ts'
import { column, table } from '../../support/scripted-log.ts'
import { apply } from '../../support/sink-driver.ts'
import { items } from '../../support/sink-rig.ts'

const LIVE_WRITES = 20

describe('generations of the sqlite sink', () => {
  const rig = new GenerationRig()
  let warnings: Record<string, unknown>[]
  const logger = pino({ level: 'warn' }, { write: line => void warnings.push(JSON.parse(line)) })

  beforeEach(async () => {
    warnings = []
    await rig.begin(await sqlitePlace('main', { 'app.public.items': ['name'] }))
    await rig.build(undefined, [rig.put('1 old', '2 old')])
    await rig.close()
  })
  afterEach(() => rig.end())

  /** As a user does, beside the sink. */
  const query = (sql: string): Record<string, SQLOutputValue>[] => {
    using database = new DatabaseSync((rig.config as { path: string }).path)
    return database.prepare(sql).all()
  }
  const run = (sql: string): void => {
    using database = new DatabaseSync((rig.config as { path: string }).path)
    database.exec(sql)
  }
  const schema = (): unknown[] => query(`SELECT type, name, tbl_name FROM sqlite_schema ORDER BY name`)
  const found = (words: string): unknown[] =>
    query(`SELECT t.id FROM app_public_items_search s JOIN app_public_items t ON t.rowid = s.rowid
      WHERE app_public_items_search MATCH '${words}'`).map(({ id }) => id)

  it('leave views, indexes and triggers of users with the live names', async () => {
    run(`CREATE INDEX by_name ON app_public_items(name);
      CREATE VIEW named AS SELECT name FROM app_public_items;
      CREATE TABLE mine (id INTEGER REFERENCES app_public_items(id), seen TEXT);
      INSERT INTO mine (id) VALUES (1);
      CREATE TRIGGER noted AFTER UPDATE ON app_public_items BEGIN INSERT INTO mine (seen) VALUES (new.name); END;
      CREATE TRIGGER other AFTER DELETE ON mine BEGIN DELETE FROM app_public_items WHERE id = old.id; END`)
    await rig.build('next', [rig.put('1 new', '2 new')])
    await rig.swap({ logger })
    expect(query('SELECT * FROM named')).toMatchObject([{ name: 'new' }, { name: 'new' }])
    expect(query(`EXPLAIN QUERY PLAN SELECT * FROM app_public_items WHERE name = 'x'`)[0]!.detail).toContain('by_name')
    await apply(await rig.sink(), rig.put('2 later'))
    expect(query('SELECT seen FROM mine WHERE seen IS NOT NULL')).toMatchObject([{ seen: 'later' }])
    await rig.close()
    run('DELETE FROM mine WHERE id = 1')
    expect(await rig.seen()).toEqual(['2 later'])
    expect(query(`SELECT sql FROM sqlite_schema WHERE name = 'mine'`)[0]!.sql).toContain('REFERENCES app_public_items(')
    expect(
      query(`SELECT name FROM sqlite_schema WHERE tbl_name GLOB '_tailrace_previous_*' AND sql IS NOT NULL
      AND type <> 'table'`),
    ).toEqual([])
    await rig.recall()
    await rig.swap({ logger })
    expect(query(`SELECT tbl_name FROM sqlite_schema WHERE name IN ('by_name', 'noted')`)).toMatchObject([
      { tbl_name: 'app_public_items' },
      { tbl_name: 'app_public_items' },
    ])
    expect(warnings).toEqual([])
  })

  it('tell of an index of users that the new table refuses, by name', async () => {
    run(`CREATE UNIQUE INDEX one_of_a_name ON app_public_items(name) WHERE id < 2;
      CREATE INDEX by_note ON app_public_items(note)`)
    const narrow = table(2, 'public.items', [column('id', 'int64'), column('name', 'text')])
    await (await rig.sink('next')).write(
      rig.log.batch(writer => writer.announce(narrow)),
      new AbortController().signal,
    )
    await rig.swap({ logger })
    expect(warnings.map(({ part }) => part)).toEqual(['by_note'])
    expect(query(`SELECT name FROM sqlite_schema WHERE name LIKE 'by_note' OR name LIKE 'one%'`)).toMatchObject([
      { name: 'one_of_a_name' },
    ])
  })

  it('have search indexes of their own that go with them, whole', async () => {
    await rig.build('next', [rig.put('1 lamp', '2 chair')])
    expect([found('old'), found('lamp')]).toEqual([[1, 2], []])
    await rig.swap()
    expect([found('old'), found('lamp')]).toEqual([[], [1]])
    await rig.build('next', [rig.put('1 desk')])
    await rig.swap()
    await rig.recall()
    await apply(await rig.sink('next'), rig.put('3 shelf'))
    await rig.swap()
    expect([found('desk'), found('lamp'), found('shelf')]).toEqual([[], [1], [3]])
    await rig.close()
    for (const name of ['app_public_items', '_tailrace_previous_app_public_items'])
      run(`INSERT INTO ${name}_search(${name}_search) VALUES ('integrity-check')`)
    expect(query('PRAGMA integrity_check')).toMatchObject([{ integrity_check: 'ok' }])
    expect(query(`SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE '%_search%data'`)).toMatchObject([{ n: 2 }])
  })

  it('stay as they are if a swap fails, and change places once the cause is mended', async () => {
    const fresh = table(2, 'public.fresh', items.columns)
    run('CREATE TABLE app_public_fresh (mine TEXT)')
    await rig.build('next', [rig.put('1 new'), rig.log.batch(writer => writer.announce(fresh))])
    await rig.close()
    const before = [schema(), query('SELECT * FROM _tailrace'), query('SELECT * FROM _tailrace_tables')]
    await expect(rig.swap()).rejects.toMatchObject({ code: 'TARGET_TAKEN' })
    expect([schema(), query('SELECT * FROM _tailrace'), query('SELECT * FROM _tailrace_tables')]).toEqual(before)
    run('DROP TABLE app_public_fresh')
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 new'])
  })

  it('do not become live if their rows were removed by hand', async () => {
    await rig.build('next', [rig.put('1 new')])
    await rig.close()
    run('DROP TABLE _tailrace_next_app_public_items')
    await expect(rig.swap()).rejects.toMatchObject({ code: 'SINK_RESTORED', recovery: 'retry' })
    expect(await rig.seen()).toEqual(['1 old', '2 old'])
  })

  it('leave room for the live one to write while they are built as fast as it goes', async () => {
    const live = await rig.sink()
    const script = fileURLToPath(new URL('../../support/generation-builder.ts', import.meta.url))
    const builder = fork(script, [JSON.stringify(rig.place.child)], { execArgv: [] })
    const exit = once(builder, 'exit')
    let built = 0
    builder.on('message', () => built++)
    try {
      await once(builder, 'message')
      for (let i = 0; i < LIVE_WRITES; i++) {
        await apply(live, rig.put(`${i} new`))
        await nextTurn()
      }
    } finally {
      builder.kill('SIGKILL')
      await exit
    }
    expect(built).toBeLessThan(3 * LIVE_WRITES)
  })

  it('leave nothing behind when the sink is removed', async () => {
    run('CREATE TABLE mine (id INTEGER)')
    await rig.build('next', [rig.put('1 live')])
    await rig.swap()
    await rig.build('next', [rig.put('1 next')])
    const done = await rig.destroy()
    expect(done).toHaveLength(3)
    expect(schema().map(row => (row as { name: string }).name)).toEqual([
      '_tailrace',
      '_tailrace_tables',
      'mine',
      'sqlite_autoindex__tailrace_1',
      'sqlite_autoindex__tailrace_tables_1',
    ])
    run('DROP TABLE mine')
    await rig.build('next', [rig.put('1 next')])
    expect(await rig.destroy()).toContainEqual(expect.stringMatching(/^removed .*rows\.db$/))
  })
})
