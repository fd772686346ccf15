import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Column, LogBatch, LogicalType } from '../../runtime/contract.ts'
import postgres from '../../sinks/postgres.ts'
import { GenerationRig } from '../support/generation-rig.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { PostgresPlace } from '../support/postgres-place.ts'
import { column, table, tuple } from '../support/scripted-log.ts'
import { apply, follow, rowsIn } from '../support/sink-driver.ts'
import { items, never, sinkContext } from '../support/sink-rig.ts'

describe('tables of the postgres sink', () => {
  let server: PostgresServer
  let place: PostgresPlace
  let rig: GenerationRig
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    place = await PostgresPlace.make(server)
    rig = new GenerationRig()
    await rig.begin(place)
  })
  afterEach(() => rig.end())

  const typed = (name: string, type: LogicalType | LogicalType['kind'], declared: string): Column =>
    column(name, typeof type === 'string' ? ({ kind: type } as LogicalType) : type, declared)
  const version = (number: number, ...columns: Column[]) =>
    table(number + 10, 'public.parts', [column('id', 'int64'), ...columns], { version: number })
  const typesOf = async (): Promise<Record<string, string | null>> =>
    Object.fromEntries(
      (
        await place.sql(`SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
          WHERE attrelid = 'app_public.parts'::regclass AND attnum > 0`)
      ).map(({ attname, type }) => [attname, type]),
    )
  const write = (of: ReturnType<typeof version>, ...cells: (string | null)[]): LogBatch =>
    rig.log.batch(writer => {
      writer.announce(of)
      writer.row('c', of, tuple(cells))
    })

  it('widen with their columns, and keep those that the source has dropped', async () => {
    const narrow = version(
      1,
      typed('n', 'int32', 'integer'),
      typed('d', { kind: 'decimal', precision: 5, scale: 2 }, 'numeric(5,2)'),
      typed('t', 'text', 'character varying(3)'),
      typed('gone', 'text', 'text'),
    )
    const wide = version(
      2,
      typed('n', 'int64', 'bigint'),
      typed('d', { kind: 'decimal', precision: 9, scale: 2 }, 'numeric(9,2)'),
      typed('t', 'text', 'text'),
    )
    const sink = await rig.sink()
    await follow(sink, [write(narrow, '1', '7', '1.50', 'abc', 'kept')])
    await apply(sink, write(wide, '2', '9007199254740993', '1234567.89', 'a longer text'))
    expect(await typesOf()).toMatchObject({ n: 'bigint', d: 'numeric(9,2)', t: 'text', gone: 'text' })
    expect(await place.sql('SELECT n, gone FROM app_public.parts ORDER BY id')).toEqual([
      { n: '7', gone: 'kept' },
      { n: '9007199254740993', gone: null },
    ])
    const other = version(3, typed('n', 'date', 'date'), ...wide.columns.slice(2))
    await expect(sink.write(write(other, '3', '2024-02-29', '1.00', 'x'), never)).rejects.toMatchObject({
      code: 'SINK_SCHEMA',
      recovery: 'stop',
    })
  })

  it('keep the text of their values where a column becomes text', async () => {
    const before = version(
      1,
      typed('b', 'boolean', 'boolean'),
      typed('c', 'text', 'character(4)'),
      typed('i', 'other', 'inet'),
    )
    const after = version(2, ...['b', 'c', 'i'].map(name => typed(name, 'text', 'text')))
    const sink = await rig.sink()
    await follow(sink, [write(before, '1', 't', 'a   ', '::1'), write(before, '2', null, null, null)])
    await apply(
      sink,
      rig.log.batch(writer => writer.announce(after)),
    )
    const rows = [...(await rowsIn(sink, after)).values()].map(row => [row.b, row.c, row.i])
    expect(rows).toEqual([
      ['t', 'a   ', '::1'],
      [null, null, null],
    ])
  })

  it('never cut a value to the length of its column', async () => {
    const of = version(1, typed('t', 'text', 'character varying(3)'), typed('b', 'bits', 'bit(3)'))
    const sink = await rig.sink()
    await follow(sink, [rig.log.batch(writer => writer.announce(of))])
    for (const cells of [
      ['1', 'abcd', '101'],
      ['2', 'abc', '1011'],
    ])
      expect((await sink.write(write(of, ...cells), never)).rejected).toMatchObject([{ index: 1 }])
    expect((await rowsIn(sink, of)).size).toBe(0)
  })

  it('take the types that the configuration names', async () => {
    await rig.close()
    await place.sql(`CREATE TYPE public.mood AS ENUM ('so so', 'happy')`)
    const types = { 'app.public.parts.m': 'public.mood', 'app.public.parts.j': 'jsonb' }
    const config = postgres.config.parse({ ...place.options, types })
    await using target = await postgres.open(config, sinkContext())
    const sink = await target.sink({ name: 'app', logId: rig.log.id }, never)
    const labels = ['so so', 'happy']
    const of = version(1, typed('m', { kind: 'enum', labels }, 'public.mood'), typed('j', 'json', 'json'))
    await follow(sink, [write(of, '1', 'so so', '{"a": 1}')])
    expect(await typesOf()).toMatchObject({ m: 'mood', j: 'jsonb' })
    expect([...(await rowsIn(sink, of)).values()]).toMatchObject([{ m: 'so so', j: '{"a": 1}' }])
  })

  it('are copied into while they are new, and no row is lost where a key comes again', async () => {
    const row = (i: number, text: string) => tuple([String(i), text, null])
    const batch = (from: number, text: string): LogBatch =>
      rig.log.batch(writer => {
        for (let i = from; i < from + 1000; i++) writer.row('r', items, row(i, `${text}\t\\ ${i}\n`))
      })
    const batches = [rig.announced, batch(0, 'first'), batch(1000, 'second'), batch(500, 'again')]
    const sink = await rig.sink()
    await follow(sink, batches)
    const rows = await rowsIn(sink, items)
    expect(rows.size).toBe(2000)
    const names = [...rows.values()].map(({ name }) => name!.split('\t')[0])
    expect([names.filter(name => name === 'first').length, names.filter(name => name === 'again').length]).toEqual([
      500, 1000,
    ])
  })

  it('keep views, indexes, grants and triggers that users made when a generation takes their place', async () => {
    await server.sql('CREATE ROLE reader')
    await rig.build(undefined, [rig.put('1 old')])
    await place.sql(`CREATE SCHEMA reports;
      CREATE VIEW reports.names WITH (security_barrier = true) AS SELECT name FROM app_public.items;
      CREATE VIEW reports.upper AS SELECT upper(name) AS name FROM reports.names;
      CREATE INDEX "by name" ON app_public.items (lower(name)) WHERE name <> ' ON x USING ';
      CREATE UNIQUE INDEX unique_name ON app_public.items (name);
      GRANT SELECT ON app_public.items TO reader;
      CREATE FUNCTION reports.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER noted BEFORE INSERT ON app_public.items FOR EACH ROW EXECUTE FUNCTION reports.note()`)
    await rig.build('next', [rig.put('1 new')])
    await rig.swap()
    const state = async () => ({
      names: await place.sql('SELECT name FROM reports.upper'),
      indexes: (await place.sql(`SELECT indexname FROM pg_indexes WHERE tablename = 'items' ORDER BY 1`)).map(
        ({ indexname }) => indexname,
      ),
      triggers: await place.sql(`SELECT tgrelid::regclass::text AS of FROM pg_trigger WHERE tgname = 'noted'`),
      mayRead: await place.sql(`SELECT has_table_privilege('reader', 'app_public.items', 'SELECT') AS may`),
    })
    expect(await state()).toMatchObject({
      names: [{ name: 'NEW' }],
      indexes: expect.arrayContaining(['by name', 'unique_name']),
      triggers: [{ of: 'app_public.items' }],
      mayRead: [{ may: 't' }],
    })
    expect(await rig.recall()).toBe(true)
    await rig.swap()
    expect(await state()).toMatchObject({ names: [{ name: 'OLD' }], mayRead: [{ may: 't' }] })
    await rig.drop('previous')
    await place.sql('DROP OWNED BY reader')
    await server.sql('DROP ROLE reader')
  })

  it('do not give their place away where something cannot go over', async () => {
    await rig.build(undefined, [rig.put('1 old')])
    await place.sql('CREATE MATERIALIZED VIEW public.kept AS SELECT * FROM app_public.items')
    await rig.build('next', [rig.put('1 new')])
    await expect(rig.swap()).rejects.toMatchObject({
      code: 'SINK_DEPENDENTS',
      message: expect.stringContaining('public.kept'),
    })
    expect(await rig.seen()).toEqual(['1 old'])
    await place.sql('DROP MATERIALIZED VIEW public.kept')
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 new'])
  })

  it('with names of 63 bytes have generations too', async () => {
    const long = table(2, `public.${'n'.repeat(63)}`, items.columns)
    for (const generation of [undefined, 'next'] as const)
      await rig.build(generation, [
        rig.log.batch(writer => writer.announce(long)),
        rig.putIn(long, `1 ${generation ?? 'live'}`),
      ])
    await rig.swap()
    expect(await place.sql(`SELECT name FROM app_public.${'n'.repeat(63)}`)).toEqual([{ name: 'next' }])
  })

  it('are refused to two sources that would share one', async () => {
    const options = postgres.config.parse({ url: place.options.url })
    await using target = await postgres.open(options, sinkContext())
    const sink = await target.sink({ name: 'app', logId: rig.log.id }, never)
    await follow(sink, [rig.announced, rig.put('1 app')])
    const others = table(1, 'public.items', items.columns, { source: 'other' })
    const other = await target.sink({ name: 'other', logId: 'beef' }, never)
    const batch = rig.log.batch(writer => {
      writer.announce(others)
      writer.row('c', others, tuple(['1', 'other', null]))
    })
    await expect(other.write(batch, never)).rejects.toMatchObject({ code: 'NAME_COLLISION' })
  })

  it('are built anew where others are named', async () => {
    await rig.build(undefined, [rig.put('1 one')])
    await rig.close()
    const config = postgres.config.parse({ ...place.options, name: 'elsewhere.{table}' })
    await using target = await postgres.open(config, sinkContext())
    const sink = await target.sink({ name: 'app', logId: rig.log.id }, never)
    expect(await sink.cursor!(never)).toBeUndefined()
    await follow(sink, [rig.announced, rig.put('2 two')])
    expect(await place.sql('SELECT id FROM elsewhere.items')).toEqual([{ id: '2' }])
    expect(await place.sql('SELECT id FROM app_public.items')).toEqual([])
  })

  it('that are not the sink’s are left alone', async () => {
    await place.sql('CREATE SCHEMA app_public; CREATE TABLE app_public.items (mine int)')
    await expect(rig.build(undefined, [rig.put('1 x')])).rejects.toMatchObject({ code: 'TARGET_TAKEN' })
  })
})
