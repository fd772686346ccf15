import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import duckdb from '../../../sinks/duckdb.ts'
import { DuckdbPlace } from '../../support/duckdb-place.ts'
import { column, table, tuple } from '../../support/scripted-log.ts'
import { items, never } from '../../support/sink-rig.ts'

describe('the duckdb sink with `mode: changes`', () => {
  let place: DuckdbPlace
  beforeEach(async () => {
    place = await DuckdbPlace.make()
    place.options = { mode: 'changes' }
  })
  afterEach(() => place[Symbol.asyncDispose]())

  const all = (of = 'public.items') =>
    `SELECT * EXCLUDE (_log, _committed_at), epoch_us(_committed_at) AS at FROM ${of} ORDER BY _version`

  it('reads the history', () => {
    const reads = duckdb.reads as (config: unknown) => string
    expect(reads(duckdb.config.parse({ path: 'x', mode: 'changes' }))).toBe('history')
    expect(reads(duckdb.config.parse({ path: 'x' }))).toBe('state')
  })

  it('keeps every change with its kind, commit time, version and transaction', async () => {
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
    const rows = await place.query(all())
    expect(rows.map(({ _version, ...row }) => row)).toEqual([
      { ...base, _kind: 'c', id: '1', name: 'one', note: 'note' },
      { ...base, _kind: 'u', id: '1', name: 'two', _absent: ['note'] },
      { ...base, _kind: 'd', id: '1' },
      { ...base, _kind: 'u', id: '2', name: 'two' },
      { ...base, _kind: 't', id: null, _transaction: '3', at: '3000' },
    ])
    const versions = rows.map(({ _version }) => Number(_version))
    expect(versions).toEqual([...versions].sort((a, b) => a - b))
  })

  it('adds nothing when a batch comes again, also an older one, also after a restart', async () => {
    await place.announce(items)
    const first = await place.write(
      place.log.batch(writer => {
        for (let i = 0; i < 20; i++) writer.row('c', items, tuple([`${i % 5}`, `name ${i}`, null]))
      }),
    )
    await place.write(first)
    await place.write(place.put(items, '7', 'between', null))
    await place.write(first)
    await place.close()
    await place.write(first)
    expect(await place.query('SELECT count(*) AS n, count(DISTINCT _version) AS v FROM public.items')).toEqual([
      { n: '21', v: '21' },
    ])
  })

  it('goes on with the history when a table is made anew or gets a column', async () => {
    const wider = table(2, 'public.items', [...items.columns, column('size', 'int64')], { version: 2 })
    const reborn = table(3, 'public.items', [column('id', 'int64'), column('colour', 'text')], {
      incarnation: 2,
      version: 3,
    })
    await place.announce(items)
    await place.write(place.put(items, '1', 'first', null))
    await place.announce(wider)
    await place.write(place.put(wider, '1', 'second', null, '5'))
    await place.announce(reborn)
    await place.write(place.put(reborn, '1', 'red'))
    expect(await place.query('SELECT id, name, size, colour FROM public.items ORDER BY _version')).toEqual([
      { id: '1', name: 'first', size: null, colour: null },
      { id: '1', name: 'second', size: '5', colour: null },
      { id: '1', name: null, size: null, colour: 'red' },
    ])
  })

  it('names the row that it cannot hold', async () => {
    await place.announce(items)
    const sink = await place.sink()
    const batch = place.log.batch(writer => {
      writer.row('c', items, tuple(['1', 'good', null]))
      writer.delete(items, tuple(['one', undefined, undefined]), false)
    })
    expect((await sink.write(batch, never)).rejected.map(({ index }) => index)).toEqual([1])
    expect(await sink.write(batch, never, new Set([1]))).toEqual({ rejected: [] })
    expect(await place.query('SELECT _kind FROM public.items')).toEqual([{ _kind: 'c' }])
  })

  it('refuses a file that was written in the other mode', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'a', null))
    await place.close()
    place.options = {}
    const sink = await place.sink()
    await expect(sink.write(place.put(items, '1', 'b', null), never)).rejects.toMatchObject({ code: 'SINK_SCHEMA' })
  })

  it('forgets the history of another log', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'a', null))
    const target = await place.target()
    const sink = await target.sink({ name: 'app', logId: 'beef' }, never)
    expect(await sink.cursor!(never)).toBeUndefined()
    await sink.truncate!(items, never)
    expect(await place.query('SELECT * FROM public.items')).toEqual([])
  })
})
