import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import duckdb from '../../../sinks/duckdb.ts'
import { queryFile } from '../../support/duckdb-client.ts'
import { DuckdbPlace } from '../../support/duckdb-place.ts'
import { column, table, tuple } from '../../support/scripted-log.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

describe('a purge of the duckdb sink', () => {
  let place: DuckdbPlace
  beforeEach(async () => {
    place = await DuckdbPlace.make()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  const purge = async (of = items, ...ids: readonly string[]): Promise<readonly string[]> => {
    await place.close()
    const rows = ids.map(id => ({ table: of, key: keyFromTexts([id]) }))
    return duckdb.purge!(
      duckdb.config.parse({ path: place.path, ...place.options }),
      sinkContext(),
      { tables: [of], rows },
      never,
    )
  }

  it('removes every change of the keys from a history', async () => {
    place.options = { mode: 'changes' }
    await place.announce(items)
    await place.write(place.put(items, '1', 'Zaunkoenig', null))
    await place.write(place.put(items, '2', 'robin', null))
    await place.write(place.put(items, '1', 'Goldammer', null))
    await place.write(place.log.batch(writer => writer.delete(items, tuple(['1', undefined, undefined]), false)))
    const wide = table(2, 'public.items', [...items.columns, column('more', 'text')], { version: 2 })
    await place.write(place.log.batch(writer => writer.announce(wide)))
    await place.write(place.put(wide, '3', 'wren', null, 'Goldammer too'))
    await purge(wide, '1', '3', 'not a number')
    expect(await queryFile(place.path, 'SELECT id, name FROM public.items')).toEqual([{ id: '2', name: 'robin' }])
    const bytes = await readFile(place.path, 'latin1')
    expect(['Zaunkoenig', 'Goldammer', 'robin'].filter(word => bytes.includes(word))).toEqual(['robin'])
    await place.write(place.put(wide, '1', 'finch', null, null))
  })

  it('leaves all else: keys, indexes, views, schemas, and the form and rights of the file', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'one', null))
    await place.close()
    const instance = await DuckDBInstance.create(place.path)
    const connection = await instance.connect()
    for (const sql of [
      'CREATE SCHEMA mine',
      'CREATE TABLE mine.notes (id INTEGER PRIMARY KEY, body VARCHAR)',
      "INSERT INTO mine.notes VALUES (7, 'kept')",
      'CREATE INDEX by_body ON mine.notes(body)',
      'CREATE VIEW mine.named AS SELECT name FROM public.items',
    ])
      await connection.run(sql)
    connection.closeSync()
    instance.closeSync()
    const form = `SELECT tags['storage_version'] AS v FROM duckdb_databases() WHERE database_name = 'rows'`
    const before = [await queryFile(place.path, form), await queryFile(place.path, 'FROM _tailrace.cursors')]
    await writeFile(`${place.path}.wal.stale`, 'of a state that was put back')
    expect(await purge(items, '9')).toEqual([`rewrote ${place.path}`])
    expect([await queryFile(place.path, form), await queryFile(place.path, 'FROM _tailrace.cursors')]).toEqual(before)
    expect(await queryFile(place.path, 'FROM mine.notes')).toEqual([{ id: 7, body: 'kept' }])
    expect(await queryFile(place.path, 'FROM mine.named')).toEqual([{ name: 'one' }])
    const keys = "SELECT table_name AS t FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' ORDER BY t"
    expect(await queryFile(place.path, keys)).toEqual([{ t: 'items' }, { t: 'notes' }])
    expect(await queryFile(place.path, 'SELECT index_name AS i FROM duckdb_indexes()')).toEqual([{ i: 'by_body' }])
    expect(((await stat(place.path)).mode & 0o777).toString(8)).toBe('600')
    expect(await readdir(dirname(place.path))).toEqual(['rows.duckdb'])
    await place.write(place.put(items, '1', 'two', null))
    expect(await place.query('SELECT id, name FROM public.items')).toEqual([{ id: '1', name: 'two' }])
  })

  it('lets another sink of the same file, in the same process, go on in the new one', async () => {
    await place.announce(items)
    const other = duckdb.config.parse({ path: place.path, name: 'other.{table}' })
    const context = sinkContext({ name: 'other' })
    const batch = place.log.batch(writer => {
      writer.announce(items)
      writer.row('c', items, tuple(['1', 'of the other', null]))
    })
    {
      await using target = await duckdb.open(other, context)
      const sink = await target.sink({ name: 'app', logId: place.log.id }, never)
      await sink.write(batch, never)
      await purge(items, '1')
      await expect(sink.write(place.put(items, '2', 'late', null), never)).rejects.toMatchObject({
        code: 'SINK_RESTORED',
        recovery: 'retry',
      })
    }
    {
      await using target = await duckdb.open(other, context)
      const sink = await target.sink({ name: 'app', logId: place.log.id }, never)
      expect(await sink.cursor!(never)).toBe(batch.cursor)
      await sink.write(place.put(items, '2', 'late', null), never)
    }
    expect(await place.query('SELECT name FROM other.items ORDER BY id')).toEqual([
      { name: 'of the other' },
      { name: 'late' },
    ])
  })
})
