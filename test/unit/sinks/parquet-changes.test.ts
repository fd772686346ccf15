import { readdir, rm, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import parquet from '../../../sinks/parquet.ts'
import { parquetFiles, queryMemory } from '../../support/parquet-files.ts'
import { ParquetPlace } from '../../support/parquet-place.ts'
import { column, ScriptedLog, table, tuple } from '../../support/scripted-log.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

describe('the parquet sink with `mode: changes`', () => {
  let place: ParquetPlace
  beforeEach(async () => {
    place = await ParquetPlace.make()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  const ALL =
    'SELECT * EXCLUDE (_log, _committed_at, _commit_date), epoch_us(_committed_at) AS at FROM t ORDER BY _version'
  const NAMES = 'SELECT name FROM t ORDER BY _version'
  const names = async (): Promise<unknown[]> => (await place.query(items, NAMES)).map(({ name }) => name)

  it('reads the history', () => {
    const reads = parquet.reads as (config: unknown) => string
    expect(reads(parquet.config.parse({ path: 'x' }))).toBe('history')
    expect(reads(parquet.config.parse({ path: 'x', mode: 'rows' }))).toBe('state')
  })

  it('has every change with its kind, commit time, version and transaction', async () => {
    await place.announce(items)
    await place.write(
      place.log.batch(writer => {
        writer.row('c', items, tuple(['1', 'one', 'note']))
        writer.row('u', items, tuple(['1', 'two', undefined]))
        writer.delete(items, tuple(['1', undefined, undefined]), false, keyFromTexts(['2']))
        writer.row('u', items, tuple(['2', 'two', null]), undefined, keyFromTexts(['1']))
      }),
    )
    await place.write(place.log.batch(writer => writer.truncate(items)))
    const base = { _absent: null, name: null, note: null, _transaction: '2', at: '2000' }
    expect((await place.query(items, ALL)).map(({ _version, ...row }) => row)).toEqual([
      { ...base, _kind: 'c', id: '1', name: 'one', note: 'note' },
      { ...base, _kind: 'u', id: '1', name: 'two', _absent: ['note'] },
      { ...base, _kind: 'd', id: '1' },
      { ...base, _kind: 'u', id: '2', name: 'two' },
      { ...base, _kind: 't', id: null, _transaction: '3', at: '3000' },
    ])
  })

  it('lists its files with their rows, bytes and versions, by day of commit, and no others are there', async () => {
    await place.announce(items)
    for (const id of ['1', '2']) await place.write(place.put(items, id, `name ${id}`, null))
    await place.close()
    await place.write(place.put(items, '3', 'name 3', null))
    await place.close()
    const { tables, sources, sequence } = await place.manifest()
    const { files, folder, schemas } = tables[items.name]!
    expect([folder, files.map(({ rows }) => rows), sequence]).toEqual(['public.items', [2, 1], 2])
    expect(files.map(({ path }) => path)).toEqual(await parquetFiles(place.folder))
    for (const { path, bytes, minVersion, maxVersion } of files) {
      expect(path).toMatch(/^public\.items\/_commit_date=1970-01-01\/\d{19}-\d{19}_\d{10}\.1\.parquet$/)
      expect(path).toContain(`${minVersion!.padStart(19, '0')}-${maxVersion!.padStart(19, '0')}`)
      expect(bytes).toBeGreaterThan(100)
    }
    expect(schemas).toHaveLength(1)
    expect(schemas[0]).toContainEqual({ name: 'id', type: 'BIGINT' })
    expect(sources).toEqual({ app: { log: '5c21', cursor: await (await place.sink()).cursor!(never) } })
  })

  it('makes a set once so many changes wait, without an end to wait for', async () => {
    place.options = { file: { rows: 10, wait: '1h' } }
    await place.announce(items)
    const before = (await place.manifest()).sequence
    for (let i = 0; i < 25; i++) await place.write(place.put(items, `${i}`, `name ${i}`, null))
    // The write behind a full set waits for it.
    expect((await place.manifest()).sequence).toBeGreaterThan(before)
    expect(await names()).toEqual(Array.from({ length: 25 }, (_, i) => `name ${i}`))
  })

  it('adds nothing when a batch comes again, also an older one, also after it became files', async () => {
    await place.announce(items)
    const first = await place.write(
      place.log.batch(writer => {
        for (let i = 0; i < 20; i++) writer.row('c', items, tuple([`${i % 5}`, `name ${i}`, i % 2 === 0 ? null : 'n']))
      }),
    )
    await place.write(first)
    const between = await place.write(place.put(items, '7', 'between', null))
    await place.close()
    const { files } = (await place.manifest()).tables[items.name]!
    await place.write(first)
    await place.write(between)
    await place.close()
    expect((await place.manifest()).tables[items.name]!.files).toEqual(files)
    await place.write(first)
    await place.write(place.put(items, '8', 'new', null))
    expect(await names()).toEqual([...Array.from({ length: 20 }, (_, i) => `name ${i}`), 'between', 'new'])
  })

  it('puts small files together, those of earlier days at once', async () => {
    place.options = { partitionBy: 'hour', keepReplaced: '0ms' }
    await place.announce(items)
    for (let i = 0; i < 40; i++) {
      await place.write(place.put(items, `${i}`, `name ${i}`, null))
      await place.close()
    }
    const { files } = (await place.manifest()).tables[items.name]!
    expect(files.length).toBeLessThan(32)
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(40)
    expect(await names()).toEqual(Array.from({ length: 40 }, (_, i) => `name ${i}`))
  })

  it('goes on from the cursor of the manifest when its store is lost, and repeats nothing', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'one', null))
    await place.close()
    const { sources } = await place.manifest()
    await rm(`${place.folder}/_tailrace`, { recursive: true })
    expect(await (await place.sink()).cursor!(never)).toBe(sources.app!.cursor)
    await place.write(place.put(items, '2', 'two', null))
    expect(await names()).toEqual(['one', 'two'])
  })

  it('has a column that came later, and one that became wider', async () => {
    const narrow = table(1, 'public.items', [column('id', 'int64'), column('count', { kind: 'int32' })])
    const wide = table(2, 'public.items', [column('id', 'int64'), column('count', 'int64'), column('size', 'int64')], {
      version: 2,
    })
    await place.announce(narrow)
    await place.write(place.put(narrow, '1', '7'))
    await place.close()
    await place.announce(wide)
    await place.write(place.put(wide, '2', '9223372036854775807', '7'))
    expect(await place.query(items, 'SELECT id, count, size, typeof(count) AS type FROM t ORDER BY _version')).toEqual([
      { id: '1', count: '7', size: null, type: 'BIGINT' },
      { id: '2', count: '9223372036854775807', size: '7', type: 'BIGINT' },
    ])
    const { schemas, files } = (await place.manifest()).tables[items.name]!
    expect(files.map(({ schema }) => schemas[schema]!.length)).toEqual([8, 9])
  })

  it('begins anew, and keeps no file, when the log is another one', async () => {
    place.options = { keepReplaced: '0ms' }
    await place.announce(items)
    await place.write(place.put(items, '1', 'of the first log', null))
    await place.close()
    place.log = new ScriptedLog('beef')
    expect(await (await place.sink()).cursor!(never)).toBeUndefined()
    expect((await place.manifest()).tables).toEqual({})
    await place.announce(items)
    await place.write(place.put(items, '1', 'of the second log', null))
    expect(await names()).toEqual(['of the second log'])
    expect(await parquetFiles(place.folder)).toHaveLength(1)
  })

  it('is emptied by a truncate of the runtime, which then builds it anew', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'one', null))
    await place.close()
    await (await place.sink()).truncate!(items, never)
    const { tables, sources } = await place.manifest()
    expect([tables, sources]).toEqual([{}, {}])
  })

  it('is read through its manifest by SQL alone, as docs/parquet.md says', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'one', null))
    await place.close()
    const [row] = await queryMemory(
      `SELECT list_transform(json_extract_string(content, '$.tables."app.public.items".files[*].path'),
         path -> '${place.folder}/' || path) AS files
       FROM read_text('${place.folder}/_manifest.json')`,
    )
    const files = row!.files as string[]
    expect(await queryMemory(`SELECT name FROM read_parquet(['${files.join("', '")}'], union_by_name = true)`)).toEqual(
      [{ name: 'one' }],
    )
  })

  it('takes no place of another sink, nor one written in another mode', async () => {
    await place.announce(items)
    await place.close()
    place.context = sinkContext({ name: 'other' })
    await expect(place.sink()).rejects.toMatchObject({ code: 'TARGET_TAKEN' })
    place.context = sinkContext()
    place.options = { mode: 'rows' }
    await expect(place.sink()).rejects.toMatchObject({ code: 'SINK_SCHEMA' })
  })

  it('leaves nothing of its own behind when it is removed, and all else', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'one', null))
    await place.close()
    await writeFile(`${place.folder}/public.items/mine.parquet`, '')
    expect(await parquet.destroy(place.config, place.context, never)).toHaveLength(2)
    expect(await readdir(place.folder, { recursive: true })).toEqual(['public.items', 'public.items/mine.parquet'])
  })

  it('a purge takes the changes of a key out of every file, and leaves the others', async () => {
    await place.announce(items)
    for (const [id, name] of [
      ['1', 'Zaunkoenig'],
      ['2', 'robin'],
      ['1', 'Goldammer'],
    ])
      await place.write(place.put(items, id!, name!, null))
    await place.close()
    await place.write(place.put(items, '3', 'thrush', null))
    await place.close()
    const untouched = (await place.manifest()).tables[items.name]!.files.at(-1)
    const rows = [{ table: items, key: keyFromTexts(['1']) }]
    await parquet.purge!(place.config, place.context, { tables: [items], rows }, never)
    expect(await names()).toEqual(['robin', 'thrush'])
    const { files } = (await place.manifest()).tables[items.name]!
    expect(files.at(-1)).toEqual(untouched)
    expect(await parquetFiles(place.folder)).toEqual(files.map(({ path }) => path).sort())
  })
})
