import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import duckdb from '../../../sinks/duckdb.ts'
import { DuckdbPlace } from '../../support/duckdb-place.ts'
import { column, ScriptedLog, table, tuple } from '../../support/scripted-log.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

describe('the file of the duckdb sink', () => {
  let place: DuckdbPlace
  beforeEach(async () => {
    place = await DuckdbPlace.make()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  const options = (name?: string) => duckdb.config.parse({ path: place.path, ...(name === undefined ? {} : { name }) })

  it('takes two sinks of one process, and loses nothing of either', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'of the first', null))
    {
      await using target = await duckdb.open(options('other.{table}'), sinkContext({ name: 'other' }))
      const log = new ScriptedLog('0e7a')
      const others = table(1, 'public.items', items.columns, { source: 'other' })
      const second = await target.sink({ name: 'other', logId: log.id }, never)
      const rows = (from: number) =>
        log.batch(writer => {
          if (from === 0) writer.announce(others)
          for (let i = from; i < from + 50; i++) writer.row('c', others, tuple([`${i}`, 'of the second', null]))
        })
      const both = []
      for (let i = 0; i < 500; i += 50)
        both.push(second.write(rows(i), never), place.write(place.put(items, `${i}`, 'more', null)))
      await Promise.all(both)
    }
    await place.write(place.put(items, '2', 'of the first', null))
    const counts = 'SELECT (SELECT count(*) FROM public.items) AS first, (SELECT count(*) FROM other.items) AS second'
    expect(await place.query(counts)).toEqual([{ first: '12', second: '500' }])
  })

  it('refuses to let two tables land in one place', async () => {
    await place.announce(items, table(2, 'public.ITEMS', items.columns)).then(
      () => expect('written').toBe('refused'),
      error => expect(error).toMatchObject({ code: 'NAME_COLLISION' }),
    )
    await place.close()
    await place.announce(items)
    await using target = await duckdb.open(options(), sinkContext({ name: 'other' }))
    const other = await target.sink({ name: 'app', logId: place.log.id }, never)
    await expect(
      other.write(
        place.log.batch(writer => writer.announce(items)),
        never,
      ),
    ).rejects.toMatchObject({ code: 'NAME_COLLISION' })
  })

  it('refuses a table that somebody else made', async () => {
    await await place.target()
    await place.close()
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(place.path)
    const connection = await instance.connect()
    await connection.run('CREATE SCHEMA public; CREATE VIEW public.items AS SELECT 1')
    connection.closeSync()
    instance.closeSync()
    const sink = await place.sink()
    await expect(
      sink.write(
        place.log.batch(writer => writer.announce(items)),
        never,
      ),
    ).rejects.toMatchObject({ code: 'TARGET_TAKEN' })
  })

  it('is built anew when one of its tables was dropped while it was stopped', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'a', null))
    await place.close()
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(place.path)
    const connection = await instance.connect()
    await connection.run('DROP TABLE public.items')
    connection.closeSync()
    instance.closeSync()
    expect(await (await place.sink()).cursor!(never)).toBeUndefined()
  })

  it('is noticed when it is removed while it is in use, and built anew', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'a', null))
    const sink = await place.sink()
    for (const file of await readdir(place.folder)) await rm(join(place.folder, file))
    await expect(sink.write(place.put(items, '2', 'lost', null), never)).rejects.toMatchObject({
      code: 'SINK_RESTORED',
      recovery: 'retry',
    })
    await place.close()
    expect(await readdir(place.folder)).toEqual([])
    expect(await (await place.sink()).cursor!(never)).toBeUndefined()
  })

  it('is noticed when an older copy takes its place while it is in use, and goes on from that', async () => {
    await place.announce(items)
    const { cursor } = await place.write(place.put(items, '1', 'old', null))
    await place.close()
    const copy = join(place.folder, 'copy')
    await copyFile(place.path, copy)
    const later = [await place.write(place.put(items, '2', 'between', null))]
    await place.close()
    later.push(await place.write(place.put(items, '1', 'new', null)))
    const sink = await place.sink()
    await rm(place.path)
    await copyFile(copy, place.path)
    await expect(sink.write(place.put(items, '3', 'lost', null), never)).rejects.toMatchObject({
      code: 'SINK_RESTORED',
    })
    await place.close()
    // What the running sink had written ahead belongs to the file that is gone.
    expect(await (await place.sink()).cursor!(never)).toBe(cursor)
    for (const batch of later) await place.write(batch)
    expect(await place.query('SELECT id, name FROM public.items ORDER BY id')).toEqual([
      { id: '1', name: 'new' },
      { id: '2', name: 'between' },
    ])
  })

  it('says what is wrong with a file that is no database', async () => {
    await writeFile(place.path, 'this is not a database'.repeat(1000))
    await expect(place.target()).rejects.toMatchObject({ code: 'SINK_DAMAGED', recovery: 'stop' })
    const findings = await duckdb.check!(options(), sinkContext(), never)
    expect(findings.map(({ level, code }) => `${level} ${code}`)).toEqual(['ok TARGET_WRITABLE', 'error SINK_DAMAGED'])
  })

  it('says so when another process has it open', async () => {
    await place.announce(items)
    await place.close()
    const script = fileURLToPath(new URL('../../support/duckdb-holder.ts', import.meta.url))
    const holder = spawn(process.execPath, [script, place.path], { stdio: ['pipe', 'pipe', 'inherit'] })
    try {
      await once(holder.stdout, 'data')
      await expect(place.target()).rejects.toMatchObject({ code: 'TARGET_BUSY', recovery: 'retry' })
      const findings = await duckdb.check!(options(), sinkContext(), never)
      expect(findings.map(({ level, code }) => `${level} ${code}`)).toEqual([
        'ok TARGET_WRITABLE',
        'warning TARGET_BUSY',
      ])
    } finally {
      holder.kill('SIGKILL')
      await once(holder, 'exit')
    }
    expect(await (await place.sink()).cursor!(never)).toBeDefined()
  })

  it('is not made by a check', async () => {
    expect((await duckdb.check!(options(), sinkContext(), never)).map(({ level }) => level)).toEqual(['ok'])
    await expect(stat(place.path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is removed with the sink, or keeps what is not its own', async () => {
    const other = table(2, 'sales.orders', [column('id', 'int64')])
    await place.announce(items, other)
    {
      await using target = await duckdb.open(options('kept.{table}'), sinkContext({ name: 'kept' }))
      const sink = await target.sink({ name: 'app', logId: place.log.id }, never)
      await sink.write(
        place.log.batch(writer => writer.announce(items)),
        never,
      )
    }
    await place.close()
    const removed = await duckdb.destroy(options(), sinkContext(), never)
    expect([...removed].sort()).toEqual([
      `dropped public.items in ${place.path}`,
      `dropped sales.orders in ${place.path}`,
    ])
    const schemas =
      "SELECT DISTINCT schema_name AS s FROM duckdb_schemas() WHERE database_name = 'rows' AND NOT internal ORDER BY 1"
    expect((await place.query(schemas)).map(({ s }) => s)).toEqual(['_tailrace', 'kept'])
    expect(await duckdb.destroy(options(), sinkContext({ name: 'kept' }), never)).toEqual([
      `dropped kept.items in ${place.path}`,
      `removed ${place.path}`,
    ])
    expect(await readdir(place.folder)).toEqual([])
    expect(await duckdb.destroy(options(), sinkContext(), never)).toEqual([])
  })
})
