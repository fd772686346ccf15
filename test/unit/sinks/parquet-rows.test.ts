import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { parquetFiles } from '../../support/parquet-files.ts'
import { ParquetPlace } from '../../support/parquet-place.ts'
import { column, table, tuple } from '../../support/scripted-log.ts'
import { rowsIn } from '../../support/sink-driver.ts'
import { items, never } from '../../support/sink-rig.ts'

const others = table(2, 'public.others', items.columns)

describe('the parquet sink with `mode: rows`', () => {
  let place: ParquetPlace
  beforeEach(async () => {
    place = await ParquetPlace.make()
    place.options = { mode: 'rows', keepReplaced: '0ms' }
  })
  afterEach(() => place[Symbol.asyncDispose]())

  const names = async (of = items): Promise<unknown[]> =>
    (await place.query(of, 'SELECT name FROM t ORDER BY id')).map(({ name }) => name)

  it('a set has the current rows, and an empty table its columns', async () => {
    await place.announce(items, others)
    for (const id of ['1', '2', '3']) await place.write(place.put(items, id, `name ${id}`, null))
    await place.write(place.log.batch(writer => writer.delete(items, tuple(['2', undefined, undefined]), false)))
    expect(await names()).toEqual(['name 1', 'name 3'])
    expect(await place.query(others, 'SELECT * FROM t')).toEqual([])
    expect((await place.manifest()).tables[others.name]!.files.map(({ rows }) => rows)).toEqual([0])
  })

  it('only tables that changed are written anew, and what they had goes after a while', async () => {
    await place.announce(items, others)
    await place.write(place.put(others, '1', 'stays', null))
    await place.write(place.put(items, '1', 'first', null))
    await place.close()
    const before = await place.manifest()
    await place.write(place.put(items, '1', 'second', null))
    await place.close()
    const after = await place.manifest()
    expect(after.tables[others.name]).toEqual(before.tables[others.name])
    expect(after.replaced.map(({ path }) => path)).toEqual(before.tables[items.name]!.files.map(({ path }) => path))
    await place.write(place.put(items, '1', 'third', null))
    expect(await names()).toEqual(['third'])
    const { tables, replaced } = await place.manifest()
    const listed = [...Object.values(tables).flatMap(({ files }) => files), ...replaced].map(({ path }) => path)
    expect(await parquetFiles(place.folder)).toEqual(listed.sort())
  })

  it('takes the rows of the set up again when its store is lost, and goes on from there', async () => {
    const typed = table(3, 'public.typed', [
      column('id', 'int64'),
      column('amount', { kind: 'decimal', precision: 38, scale: 10 }),
      column('span', { kind: 'interval' }),
      column('list', { kind: 'array', element: { kind: 'interval' } }),
      column('note', { kind: 'json' }),
    ])
    await place.announce(items, typed)
    await place.write(place.put(items, '1', 'one', null))
    await place.write(
      place.put(typed, '1', '1234567890123456789012345678.0123456789', 'P1DT0.000001S', '{P1M}', '{"a": 1.0}'),
    )
    const shown = await rowsIn(await place.sink(), typed)
    await place.close()
    const { sources } = await place.manifest()
    await rm(`${place.folder}/_tailrace`, { recursive: true })
    const sink = await place.sink()
    expect(await sink.cursor!(never)).toBe(sources.app!.cursor)
    expect(await rowsIn(sink, typed)).toEqual(shown)
    await place.write(place.put(items, '2', 'two', null))
    expect(await names()).toEqual(['one', 'two'])
  })

  it('deals rows out to folders by a column, whose own values stay in the files', async () => {
    place.options = { ...place.options, partitionBy: { 'app.public.items': 'name' } }
    await place.announce(items)
    const values = ['a/b', 'a%2Fb', '..', 'é', null, '']
    for (const [i, value] of values.entries()) await place.write(place.put(items, `${i}`, value, null))
    expect(await place.query(items, 'SELECT id, name FROM t ORDER BY id')).toEqual(
      values.map((name, i) => ({ id: `${i}`, name })),
    )
    const folders = (await parquetFiles(place.folder)).map(path => path.split('/')[2])
    expect(new Set(folders).size).toBe(5)
    expect(folders).toContain('_name=a%2Fb')
    expect(folders).toContain('_name=__HIVE_DEFAULT_PARTITION__')
  })

  it('ends a file at its size', async () => {
    place.options = { ...place.options, file: { bytes: '256KB' }, compression: 'uncompressed' }
    await place.announce(items)
    await place.write(
      place.log.batch(writer => {
        for (let i = 0; i < 400_000; i++) writer.row('r', items, tuple([`${i}`, `${i * 7919}`, null]))
      }),
    )
    expect(await place.query(items, 'SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM t')).toEqual([
      { rows: '400000', ids: '400000' },
    ])
    expect((await place.manifest()).tables[items.name]!.files.length).toBeGreaterThan(1)
  })
})
