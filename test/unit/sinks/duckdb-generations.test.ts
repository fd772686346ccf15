import { existsSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import duckdb from '../../../sinks/duckdb.ts'
import { queryFile } from '../../support/duckdb-client.ts'
import { duckdbPlaceWithCopy } from '../../support/file-places.ts'
import { GenerationRig } from '../../support/generation-rig.ts'
import { column, table } from '../../support/scripted-log.ts'
import { apply } from '../../support/sink-driver.ts'
import { items } from '../../support/sink-rig.ts'

const OWN = 'SELECT * FROM _tailrace.cursors ORDER BY sink'

describe('generations of the duckdb sink', () => {
  const rig = new GenerationRig()
  let path: string
  let copy: string
  let warnings: Record<string, unknown>[]
  const logger = pino({ level: 'warn' }, { write: line => void warnings.push(JSON.parse(line)) })

  beforeEach(async () => {
    warnings = []
    await rig.begin(await duckdbPlaceWithCopy())
    const config = rig.config as { path: string; snapshotTo: string }
    path = config.path
    copy = config.snapshotTo
    await rig.build(undefined, [rig.put('1 old', '2 old')])
    await rig.close()
  })
  afterEach(() => rig.end())

  /** As a user does while the sink is stopped. */
  const run = async (...statements: readonly string[]): Promise<void> => {
    const instance = await DuckDBInstance.create(path)
    const connection = await instance.connect()
    try {
      for (const sql of statements) await connection.run(sql)
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }

  it('leave views and indexes of users with the live names, and keys as they are', async () => {
    await run(
      'CREATE INDEX by_name ON app_public.items(name)',
      'CREATE VIEW named AS SELECT name FROM app_public.items',
    )
    await rig.build('next', [rig.put('1 new', '2 new')])
    await rig.swap({ logger })
    expect(await queryFile(path, 'SELECT * FROM named')).toEqual([{ name: 'new' }, { name: 'new' }])
    const indexes = 'SELECT schema_name AS s, table_name AS t, index_name AS i FROM duckdb_indexes()'
    expect(await queryFile(path, indexes)).toEqual([{ s: 'app_public', t: 'items', i: 'by_name' }])
    await expect(run(`INSERT INTO app_public.items VALUES (1, 'twice', NULL)`)).rejects.toThrow('Duplicate key')
    await apply(await rig.sink(), rig.put('2 later'))
    await rig.recall()
    await rig.swap({ logger })
    expect(await queryFile(path, indexes)).toEqual([{ s: 'app_public', t: 'items', i: 'by_name' }])
    expect(await rig.seen()).toEqual(['1 old', '2 old'])
    expect(warnings).toEqual([])
  })

  it('tell of indexes of users that the new table refuses, by name', async () => {
    await run(
      'CREATE UNIQUE INDEX of_id_and_name ON app_public.items(id, name)',
      'CREATE INDEX by_note ON app_public.items(note)',
      'CREATE INDEX by_name ON app_public.items(name)',
    )
    const narrow = table(2, 'public.items', [column('id', 'int64'), column('title', 'text')])
    await apply(
      await rig.sink('next'),
      rig.log.batch(writer => writer.announce(narrow)),
    )
    await rig.swap({ logger })
    expect(warnings.map(({ index }) => index).sort()).toEqual([
      'app_public.by_name',
      'app_public.by_note',
      'app_public.of_id_and_name',
    ])
    expect(await rig.recall()).toBe(true)
  })

  it('stay as they are if a swap fails, and change places once the cause is mended', async () => {
    const fresh = table(2, 'public.fresh', items.columns)
    await run('CREATE TABLE app_public.fresh (mine TEXT)')
    await rig.build('next', [rig.put('1 new'), rig.log.batch(writer => writer.announce(fresh))])
    await rig.close()
    const before = await queryFile(path, OWN)
    await expect(rig.swap()).rejects.toMatchObject({ code: 'TARGET_TAKEN' })
    expect(await queryFile(path, OWN)).toEqual(before)
    expect(await rig.seen()).toEqual(['1 old', '2 old'])
    await run('DROP TABLE app_public.fresh')
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 new'])
  })

  it('do not become live if their rows were removed by hand', async () => {
    await rig.build('next', [rig.put('1 new')])
    await rig.close()
    await run('DROP TABLE app_public._tailrace_next_items')
    await expect(rig.swap()).rejects.toMatchObject({ code: 'SINK_RESTORED', recovery: 'retry' })
    expect(await rig.seen()).toEqual(['1 old', '2 old'])
  })

  it('show readers a copy of the new one at once, also where the swap was killed before it was made', async () => {
    await rig.build('next', [rig.put('1 new')])
    expect(await rig.inProcess('swap', 'duckdb.swapped')).toBe(true)
    expect(await queryFile(copy, 'SELECT name FROM app_public.items ORDER BY id')).toEqual([
      { name: 'old' },
      { name: 'old' },
    ])
    await rig.swap()
    expect(await queryFile(copy, 'SELECT name FROM app_public.items')).toEqual([{ name: 'new' }])
  })

  it('leave nothing behind when the sink is removed', async () => {
    await rig.build('next', [rig.put('1 live')])
    await rig.swap()
    await rig.build('next', [rig.put('1 next')])
    expect(await rig.destroy()).toHaveLength(5)
    expect([existsSync(path), existsSync(copy)]).toEqual([false, false])
  })

  it('are refused to a history', () => {
    const changes = duckdb.config.parse({ path, mode: 'changes' })
    expect(duckdb.generations!.refusal!(changes)).toContain('tailrace replay')
    expect(duckdb.generations!.refusal!(duckdb.config.parse({ path }))).toBeUndefined()
  })

  it('keep a table of the source apart that is named like one of theirs', async () => {
    const impostor = table(2, 'public._tailrace_next_items', items.columns)
    await rig.build(undefined, [rig.log.batch(writer => writer.announce(impostor)), rig.putIn(impostor, '1 true')])
    await rig.build('next', [rig.put('1 new')])
    await rig.close()
    expect(await queryFile(path, 'SELECT name FROM app_public."%5Ftailrace_next_items"')).toEqual([{ name: 'true' }])
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 new'])
  })
})
