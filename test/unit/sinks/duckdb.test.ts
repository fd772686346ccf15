import { stat } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { LogBatch } from '../../../runtime/contract.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { DuckdbPlace } from '../../support/duckdb-place.ts'
import { column, expectedRows, table, tuple } from '../../support/scripted-log.ts'
import { apply, rowsIn } from '../../support/sink-driver.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

describe('the duckdb sink', () => {
  let place: DuckdbPlace
  beforeEach(async () => {
    place = await DuckdbPlace.make()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  it('names tables by schema and table, columns as they are, and types them', async () => {
    const orders = table(2, 'sales.orders', [
      column('id', 'int64'),
      column('total', { kind: 'decimal', precision: 10, scale: 2 }),
      column('tags', { kind: 'array', element: { kind: 'text' } }),
      column('placed', { kind: 'timestamptz' }),
    ])
    await place.announce(items, orders)
    await place.write(place.put(orders, '1', '12.50', '{a,"b c"}', '2024-02-29 12:00:00.5+00'))
    const columns = await place.query(
      "SELECT column_name AS n, data_type AS t FROM duckdb_columns() WHERE table_name = 'orders'",
    )
    expect(columns.map(({ n, t }) => `${n} ${t}`)).toEqual([
      'id BIGINT',
      'total DECIMAL(10,2)',
      'tags VARCHAR[]',
      'placed TIMESTAMP WITH TIME ZONE',
    ])
    expect(
      await place.query('SELECT id, total, tags, epoch_us(placed) AS at, sum(total) OVER () AS sum FROM sales.orders'),
    ).toEqual([{ id: '1', total: '12.50', tags: ['a', 'b c'], at: '1709208000500000', sum: '12.50' }])
  })

  it('is a file for its owner alone, with nothing beside it once it is closed', async () => {
    await place.announce(items)
    expect((await stat(place.path)).mode & 0o777).toBe(0o600)
    await place.close()
    await expect(stat(`${place.path}.wal`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('names the rows that it refuses and stores nothing of their batch, until they are skipped', async () => {
    await place.announce(items)
    const batch = place.log.batch(writer => {
      writer.row('c', items, tuple(['1', 'good', null]))
      writer.row('c', items, tuple(['not a number', 'secret', null]))
      writer.row('c', items, tuple(['3', 'good', null]))
      writer.row('c', items, tuple(['4.5', 'secret', null]))
      writer.delete(items, tuple(['none', undefined, undefined]), false)
    })
    const sink = await place.sink()
    const before = await sink.cursor!(never)
    const { rejected } = await sink.write(batch, never)
    expect(rejected.map(({ index }) => index)).toEqual([1, 3, 4])
    for (const { reason } of rejected) expect(reason).toMatch(/^Column "id" is BIGINT, which has no such value/)
    expect((await rowsIn(sink, items)).size).toBe(0)
    expect(await sink.cursor!(never)).toBe(before)
    expect(await sink.write(batch, never, new Set([1, 3, 4]))).toEqual({ rejected: [] })
    expect([...(await rowsIn(sink, items)).values()].map(row => row.id)).toEqual(['1', '3'])
  })

  it('keeps a column as text where it is told to, and then refuses nothing of it', async () => {
    place.options = { asText: ['app.public."i.x".id', 'app.public."i.x"."a.b"'] }
    const dotted = table(2, 'public.i.x', [column('id', 'int64'), column('a.b', { kind: 'date' })], {
      name: 'app.public."i.x"',
      schema: 'public',
      table: 'i.x',
    })
    await place.announce(dotted)
    await place.write(place.put(dotted, 'not a number', '0000-00-00'))
    expect(await place.query('SELECT * FROM public."i.x"')).toEqual([{ id: 'not a number', 'a.b': '0000-00-00' }])
  })

  type Step = readonly [kind: 'put' | 'patch' | 'delete' | 'move', key: number, to: number]
  const step = fc.tuple(
    fc.constantFrom('put' as const, 'put' as const, 'patch' as const, 'delete' as const, 'move' as const),
    fc.nat(3),
    fc.nat(3),
  )

  function batchOf(steps: readonly Step[], name: string): LogBatch {
    return place.log.batch(writer => {
      steps.forEach(([kind, key, to], i) => {
        const value = `${name} ${i}`
        if (kind === 'put') writer.row('u', items, tuple([`${key}`, value, value]))
        else if (kind === 'patch') writer.row('u', items, tuple([`${key}`, value, undefined]))
        else if (kind === 'delete') writer.delete(items, tuple([`${key}`, undefined, undefined]), false)
        else if (key !== to) {
          writer.delete(items, tuple([`${key}`, undefined, undefined]), false, keyFromTexts([`${to}`]))
          writer.row('u', items, tuple([`${to}`, value, undefined]), undefined, keyFromTexts([`${key}`]))
        }
      })
    })
  }

  it('applies any number of changes of one key in a batch as if they had come one by one', async () => {
    await place.announce(items)
    const sink = await place.sink()
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 3 }), async rounds => {
        await sink.truncate!(items, never)
        const batches = rounds.map((steps, i) => batchOf(steps, `batch ${i}`))
        for (const batch of batches) await apply(sink, batch)
        const rows = [...expectedRows(batches, items.name)].map(([key, row]) => [
          key,
          { name: null, note: null, ...row },
        ])
        const shown = [...(await rowsIn(sink, items))].map(([key, row]) => [key, { ...row }])
        expect(new Map(shown as [string, object][])).toEqual(new Map(rows as [string, object][]))
      }),
      { numRuns: 40 },
    )
  })

  it('keeps a row that came and was deleted in one batch, marked or as it was, if it is told so', async () => {
    const first = place.log.batch(writer => writer.announce(items))
    const both = batchOf(
      [
        ['put', 1, 0],
        ['delete', 1, 0],
        ['put', 2, 0],
        ['delete', 2, 0],
        ['put', 2, 0],
      ],
      'x',
    )
    place.context = sinkContext({ onDelete: 'mark' })
    for (const batch of [first, both]) await place.write(batch)
    const marked = await place.query('SELECT id, name, _deleted FROM public.items ORDER BY id')
    expect(marked).toEqual([
      { id: '1', name: 'x 0', _deleted: true },
      { id: '2', name: 'x 4', _deleted: false },
    ])
    await place[Symbol.asyncDispose]()
    place = await DuckdbPlace.make()
    place.context = sinkContext({ onDelete: 'ignore' })
    for (const batch of [first, both]) await place.write(batch)
    expect(await place.query('SELECT id, name FROM public.items ORDER BY id')).toEqual([
      { id: '1', name: 'x 0' },
      { id: '2', name: 'x 4' },
    ])
  })

  it('takes rows of two versions of a table, and of two lives, in one batch', async () => {
    const wider = table(2, 'public.items', [...items.columns, column('size', 'int64')], { version: 2 })
    const reborn = table(3, 'public.items', [column('code', 'text'), column('id', 'int64')], { incarnation: 2 })
    await place.write(
      place.log.batch(writer => {
        writer.announce(items)
        writer.row('c', items, tuple(['1', 'narrow', 'kept']))
        writer.row('c', items, tuple(['2', 'narrow', null]))
        writer.announce(wider)
        writer.row('u', wider, tuple(['1', 'wide', undefined, '7']))
        writer.row('u', wider, tuple(['2', 'wide', null, '8']))
      }),
    )
    const sink = await place.sink()
    expect([...(await rowsIn(sink, wider)).values()].map(row => ({ ...row }))).toEqual([
      { id: '1', name: 'wide', note: 'kept', size: '7' },
      { id: '2', name: 'wide', note: null, size: '8' },
    ])
    await place.write(
      place.log.batch(writer => {
        writer.row('u', wider, tuple(['1', 'last words', null, '7']))
        writer.announce(reborn)
        writer.row('c', reborn, tuple(['a', '1']))
      }),
    )
    expect(await place.query('SELECT * FROM public.items')).toEqual([{ code: 'a', id: '1' }])
  })

  it('widens columns without loss, and stops at other changes of a type with nothing stored', async () => {
    const small = table(1, 'public.t', [
      column('id', 'int64'),
      column('n', { kind: 'int32' }),
      column('d', { kind: 'decimal', precision: 6, scale: 2 }),
    ])
    const wide = table(
      2,
      'public.t',
      [small.columns[0]!, column('n', 'int64'), column('d', { kind: 'decimal', precision: 20, scale: 2 })],
      { version: 2 },
    )
    const other = table(3, 'public.t', [small.columns[0]!, column('n', 'text')], { version: 3 })
    await place.announce(small)
    await place.write(place.put(small, '1', '7', '1.50'))
    await place.announce(wide)
    await place.write(place.put(wide, '2', '9007199254740993', '123456789012345678.25'))
    await place.write(place.put(small, '3', '8', '2.50'))
    const sink = await place.sink()
    const before = await sink.cursor!(never)
    const batch = place.log.batch(writer => writer.announce(other))
    await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'SINK_SCHEMA', recovery: 'stop' })
    expect(await sink.cursor!(never)).toBe(before)
    expect(await place.query('SELECT * FROM public.t ORDER BY id')).toEqual([
      { id: '1', n: '7', d: '1.50' },
      { id: '2', n: '9007199254740993', d: '123456789012345678.25' },
      { id: '3', n: '8', d: '2.50' },
    ])
  })

  it('keeps a column that the source has dropped', async () => {
    await place.announce(items)
    await place.write(place.put(items, '1', 'a', 'kept'))
    const narrow = table(2, 'public.items', items.columns.slice(0, 2), { version: 2 })
    await place.announce(narrow)
    await place.write(place.put(narrow, '2', 'b'))
    expect(await place.query('SELECT * FROM public.items ORDER BY id')).toEqual([
      { id: '1', name: 'a', note: 'kept' },
      { id: '2', name: 'b', note: null },
    ])
  })

  it('takes keys of every type that keys have', async () => {
    const kinds = ['int16', 'uint64', 'boolean', 'date', 'timestamp', 'uuid', 'bytes', 'text', 'float64'] as const
    const columns = [
      ...kinds.map(kind => column(kind, { kind })),
      column('amount', { kind: 'decimal', precision: 30, scale: 2 }),
      column('list', { kind: 'array', element: { kind: 'int32' } }),
      column('value', 'text'),
    ]
    const keyed = table(4, 'public.keyed', columns, { key: columns.slice(0, -1).map((_, i) => i) })
    const key = [
      '-1',
      '18446744073709551615',
      't',
      '0044-03-15 BC',
      'infinity',
      `${'0'.repeat(8)}-0000-0000-0000-${'f'.repeat(12)}`,
      '\\x00',
      'a\u0000',
      '-0',
      '-1.50',
      '{{1},{2}}',
    ]
    const other = ['1', ...key.slice(1)]
    await place.announce(keyed)
    await place.write(place.put(keyed, ...key, 'first'))
    await place.write(place.put(keyed, ...other, 'second'))
    await place.write(place.put(keyed, ...key, 'changed'))
    const sink = await place.sink()
    const keys = [key, other, ['2', ...key.slice(1)], ['x', ...key.slice(1)]].map(texts => keyFromTexts(texts))
    const found = await sink.get!(keyed, keys, never)
    expect(found.map(row => row?.cells.get('value'))).toEqual(['changed', 'second', undefined, undefined])
    await place.write(place.log.batch(writer => writer.delete(keyed, tuple([...key, undefined]), false)))
    expect((await sink.get!(keyed, keys, never)).map(row => row?.cells.get('value'))).toEqual([
      undefined,
      'second',
      undefined,
      undefined,
    ])
  })
})
