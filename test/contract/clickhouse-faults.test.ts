import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { ClickhousePlace, OWN_DATABASE } from '../support/clickhouse/clickhouse-place.ts'
import { describeClickhouse } from '../support/clickhouse/clickhouse-suite.ts'
import { type Fate, FaultyProxy } from '../support/faulty-proxy.ts'
import { column, table, tuple } from '../support/scripted-log.ts'
import { apply, cursorOf, follow, rowsIn } from '../support/sink-driver.ts'
import { items, never, SinkRig } from '../support/sink-rig.ts'

const ITEMS = 'app_public.t_items'
/** An exception of this code. */
const exception = (code: number, status = 500): Fate => ({
  status,
  headers: { 'x-clickhouse-exception-code': String(code) },
})
/** Of rows, not of the sink's own state. */
const isInsert = (url: string): boolean =>
  /^INSERT INTO/.test(new URL(url, 'http://host').searchParams.get('query') ?? '') && !url.includes('_tailrace')

await describeClickhouse(server => {
  let proxy: FaultyProxy
  let rig: SinkRig
  beforeEach(async () => {
    proxy = await FaultyProxy.to(server().url, ({ url }) => isInsert(url!))
    rig = new SinkRig()
    await rig.begin(await ClickhousePlace.make(server(), { url: `${proxy.url}/${OWN_DATABASE}` }))
  })
  afterEach(async () => {
    proxy.fate = () => 'passes'
    await rig.end()
    await proxy[Symbol.asyncDispose]()
  })

  const rowCount = 40
  const many = (name: string): void => {
    rig.batches.push(
      rig.log.batch(writer => {
        for (let i = 0; i < rowCount; i++) writer.row('u', items, tuple([String(i), `${name} ${i}`, null]))
      }),
    )
  }

  it.each<[string, Fate, string]>([
    ['a request is lost on its way', 'lost', 'SINK_UNREACHABLE'],
    ['its answer is lost, though it was applied', 'unanswered', 'SINK_UNREACHABLE'],
    ['a proxy answers 502', 502, 'SINK_UNREACHABLE'],
    ['a proxy answers 429', 429, 'SINK_UNREACHABLE'],
    ['the table has too many parts', exception(252), 'SINK_UNREACHABLE'],
    ['the memory limit is met', exception(241), 'SINK_UNREACHABLE'],
    ['the disk is full', exception(243), 'TARGET_FULL'],
    ['the login is refused', exception(516, 403), 'SINK_AUTH'],
    ['a right is missing', exception(497, 403), 'SINK_AUTH'],
    ['the request is refused for another reason', exception(53, 400), 'SINK_REJECTED'],
  ])('%s: the cursor stays, and the batch comes again', async (_, fate, code) => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    many('second')
    const before = await cursorOf(sink)
    proxy.fate = () => fate
    await expect(sink.write(rig.batches.at(-1)!, never)).rejects.toMatchObject({ code })
    expect(await cursorOf(sink)).toBe(before)
    proxy.fate = () => 'passes'
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(before)
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  })

  it('a batch that is too large for the way is split by whoever sends it', async () => {
    const sink = await rig.openSink()
    many('first')
    proxy.fate = () => 413
    await expect(follow(sink, rig.batches)).rejects.toMatchObject({ code: 'SINK_BATCH_TOO_LARGE', recovery: 'retry' })
  })

  it('a row that its columns cannot hold is named without its values, and nothing of the batch is in', async () => {
    const odd = table(9, 'public.odd', [column('id', 'int64'), column('day', { kind: 'date' }), column('n', 'text')])
    const batch = rig.log.batch(writer => {
      writer.announce(odd)
      writer.row('c', odd, tuple(['1', '2024-02-29', 'a']))
      writer.row('c', odd, tuple(['2', '0044-03-15 BC', 'secret-canary']))
      writer.row('c', odd, tuple(['3', '2299-12-31', 'c']))
    })
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const before = await cursorOf(sink)
    const { rejected } = await sink.write(batch, never)
    expect(rejected).toEqual([
      { index: 2, reason: expect.stringContaining('Column "day" of app.public.odd is Date32') },
    ])
    expect(rejected[0]!.reason).not.toMatch(/canary|0044/)
    expect(await cursorOf(sink)).toBe(before)
    expect(await rowsIn(sink, odd)).toEqual(new Map())
    expect(await sink.write(batch, never, new Set([2]))).toEqual({ rejected: [] })
    expect([...(await rowsIn(sink, odd)).values()].map(({ id }) => id).sort()).toEqual(['1', '3'])
  })

  it.each([
    ['its table', `DROP TABLE ${ITEMS} SYNC`],
    ['the database of its tables', 'DROP DATABASE app_public SYNC'],
    ['its cursor', `DROP TABLE ${OWN_DATABASE}._tailrace SYNC`],
  ])('where %s is dropped while rows are written, the next write notices, and all is built anew', async (_, drop) => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    await server().ask(drop)
    const late = rig.put('1', 'later', null)
    await expect(sink.write(late, never)).rejects.toMatchObject({ code: 'SINK_RESTORED', recovery: 'retry' })
    rig.batches.push(late)
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBeUndefined()
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  })

  it('a table that is dropped and made again by somebody else while nothing runs is noticed', async () => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    await server().ask(`CREATE TABLE app_public.other AS ${ITEMS}`)
    await server().ask(`EXCHANGE TABLES ${ITEMS} AND app_public.other`)
    expect(await cursorOf(await rig.reopen())).toBeUndefined()
  })

  it('goes on from a cursor that was put back with its tables, which are others to the server', async () => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    await rig.target[Symbol.asyncDispose]()
    // As RESTORE does where the tables were dropped.
    for (const name of [ITEMS, `${OWN_DATABASE}._tailrace`]) {
      await server().ask(`CREATE TABLE ${name}_back AS ${name}`)
      await server().ask(`INSERT INTO ${name}_back SELECT * FROM ${name}`)
      await server().ask(`EXCHANGE TABLES ${name}_back AND ${name}`)
      await server().ask(`ALTER TABLE ${name} MODIFY COMMENT 'tailrace shop:copy'`)
      await server().ask(`DROP TABLE ${name}_back SYNC`)
    }
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(rig.batches.at(-1)!.cursor)
    rig.batches.push(rig.put('1', 'later', null))
    await follow(again, rig.batches)
    await rig.expectEqual(again)
    expect(await cursorOf(await rig.reopen())).toBe(rig.batches.at(-1)!.cursor)
  })

  it('without the database of its url it stops and says so', async () => {
    await rig.target[Symbol.asyncDispose]()
    await server().ask(`DROP DATABASE ${OWN_DATABASE} SYNC`)
    await expect(rig.reopen()).rejects.toMatchObject({ code: 'SINK_SCHEMA', recovery: 'stop' })
  })

  it('a predecessor’s late write changes nothing that a later one has written', async () => {
    const sink = await rig.openSink()
    many('first')
    const late = rig.put('1', 'late', null)
    const late2 = rig.log.batch(writer => writer.delete(items, tuple(['2', undefined, undefined]), false))
    rig.batches.push(rig.put('1', 'newest', null), rig.put('2', 'newest', null))
    await follow(sink, rig.batches)
    for (const batch of [late, late2])
      for (const { version, kind } of batch) {
        const id = kind === 'd' ? 2 : 1
        await server().ask(
          `INSERT INTO ${ITEMS} (id, name, _version, _deleted) VALUES (${id}, 'late', ${version}, ${kind === 'd' ? 1 : 0})`,
        )
      }
    await rig.expectEqual(sink)
    await server().ask(`OPTIMIZE TABLE ${ITEMS} FINAL`)
    await rig.expectEqual(sink)
  })

  it('a table of somebody else is not taken', async () => {
    await server().ask('CREATE DATABASE app_public')
    await server().ask(`CREATE TABLE ${ITEMS} (id Int64) ENGINE = MergeTree ORDER BY id`)
    const sink = await rig.openSink()
    await expect(follow(sink, rig.batches)).rejects.toMatchObject({ code: 'NAME_COLLISION', recovery: 'stop' })
  })

  it('rows of a table without a key are there once also for those who read without FINAL', async () => {
    const events = table(4, 'public.events', [column('what', 'text')], { key: [], appendOnly: true })
    const first = rig.log.batch(writer => {
      writer.announce(events)
      for (let i = 0; i < 10; i++) writer.row('c', events, tuple(['same']))
    })
    const second = rig.log.batch(writer => writer.row('c', events, tuple(['other'])))
    const sink = await rig.openSink()
    await follow(sink, [...rig.batches, first, second])
    await apply(sink, first)
    const again = await rig.reopen()
    await apply(again, first)
    await apply(again, second)
    expect(await server().ask('SELECT count() FROM app_public.t_events')).toBe('11\n')
  })

  it('a column whose type grows is widened, one whose type turns into another stops the sink', async () => {
    const narrow = table(7, 'public.sizes', [column('id', 'int64'), column('size', { kind: 'int16' })])
    const wide = table(8, 'public.sizes', [column('id', 'int64'), column('size', { kind: 'int64' })], { version: 2 })
    const other = table(9, 'public.sizes', [column('id', 'int64'), column('size', 'text')], { version: 3 })
    const sink = await rig.openSink()
    rig.batches.push(
      rig.log.batch(writer => {
        writer.announce(narrow)
        writer.row('c', narrow, tuple(['1', '32767']))
      }),
      rig.log.batch(writer => {
        writer.announce(wide)
        writer.row('c', wide, tuple(['2', '9223372036854775807']))
      }),
    )
    await follow(sink, rig.batches)
    await rig.expectEqual(sink, wide)
    const turned = rig.log.batch(writer => writer.announce(other))
    await expect(sink.write(turned, never)).rejects.toMatchObject({ code: 'SINK_SCHEMA', recovery: 'stop' })
  })

  it('a server that was killed is written to again once it is back, and nothing is missing', async () => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    await server().kill()
    const late = rig.put('1', 'later', null)
    await expect(sink.write(late, never)).rejects.toMatchObject({ code: 'SINK_UNREACHABLE', recovery: 'retry' })
    await server().start()
    rig.batches.push(late)
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(rig.batches.at(-2)!.cursor)
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  }, 60_000)
})
