/** `where`, `fields` and `schemaChanges` of sinks, from a real database, through the command line. */
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { VerifyReport } from '../../runtime/verify-report.ts'
import { Random } from '../crash/random.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type RunningVerb, refusalOf, SmallPipeline } from '../support/small-pipeline.ts'

const IDS = 400
const SHAPE = (where: string): string[] => [
  '  where:',
  `    app.public.item: ${JSON.stringify(where)}`,
  '  fields:',
  '    app.public.item:',
  '      - number: id',
  '      - sum: price',
  '      - kind:',
  '          value: item',
]
const PAID = "state <> 'draft' and price >= 10"

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** With a sink that can be built beside what it holds, and one that cannot. */
async function open(where = PAID): Promise<SmallPipeline> {
  const small = await SmallPipeline.open(server)
  await small.sql("ALTER TABLE item ADD COLUMN price numeric, ADD COLUMN state text DEFAULT 'draft'")
  await declare(small, where)
  return small
}

async function declare(small: SmallPipeline, where: string): Promise<void> {
  small.settings.sinks = [
    ...['few:', '  type: sqlite', '  path: ./few.db', ...SHAPE(where)],
    ...['files:', '  type: jsonl', '  path: ./files', '  mode: state', ...SHAPE(where)],
  ]
  await small.configure()
}

/** One transaction of changes all over the table. */
async function change(small: SmallPipeline, random: Random): Promise<void> {
  const statements = Array.from({ length: random.between(1, 30) }, () => {
    const id = random.between(1, IDS)
    const state = ['NULL', "'draft'", "'paid'"][random.between(0, 3)]
    switch (random.between(0, 8)) {
      case 0:
        return `DELETE FROM item WHERE id = ${id}`
      case 1:
        return `UPDATE item SET id = ${id} WHERE id = ${random.between(1, IDS)} AND NOT EXISTS (SELECT FROM item WHERE id = ${id})`
      default:
        return `INSERT INTO item (id, price, state) VALUES (${id}, ${random.between(0, 30)}, ${state})
          ON CONFLICT (id) DO UPDATE SET price = excluded.price, state = excluded.state`
    }
  })
  await small.sql(`BEGIN; ${statements.join('; ')}; COMMIT`)
}

function few(small: SmallPipeline): unknown[] {
  using database = new DatabaseSync(join(small.folder, 'few.db'), { timeout: 5000 })
  const sql = 'SELECT CAST(number AS TEXT) AS number, sum, kind FROM public_item ORDER BY public_item.number'
  return database
    .prepare(sql)
    .all()
    .map(row => ({ ...row }))
}

/** The rows that the files hold: the last line of each key. */
function files(small: SmallPipeline): unknown[] {
  const folder = join(small.folder, 'files', 'public.item')
  const rows = new Map<string, unknown>()
  for (const name of readdirSync(folder).sort())
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean)) {
      const { key, value } = JSON.parse(line) as { key?: [number]; value?: object | null }
      if (key === undefined) continue
      if (value === null || value === undefined) rows.delete(String(key[0]))
      else rows.set(String(key[0]), { ...value, number: String(key[0]) })
    }
  return [...rows.values()]
}

async function wanted(small: SmallPipeline, where = PAID): Promise<unknown[]> {
  return await small.sql(`SELECT id AS number, price AS sum, 'item' AS kind FROM item WHERE ${where} ORDER BY item.id`)
}

const byNumber = (rows: readonly unknown[]): unknown[] =>
  (rows as { number: string }[]).toSorted((a, b) => Number(a.number) - Number(b.number))

async function expectEqual(small: SmallPipeline, where = PAID): Promise<void> {
  const rows = await wanted(small, where)
  expect(rows.length).toBeGreaterThan(5)
  expect(few(small)).toEqual(rows)
  expect(byNumber(files(small))).toEqual(rows)
}

const live = (running: RunningVerb): Promise<void> =>
  running.until(
    ({ sinks }) => Object.values(sinks).every(({ phase, rebuild }) => phase === 'live' && rebuild === null),
    'the sinks are live',
  )

describe('a sink with a condition and fields of its own', () => {
  it('holds the rows that the condition is true of, over changes and kills, and verify sees what is false', async () => {
    await using small = await open()
    const random = new Random(7)
    for (let i = 0; i < 10; i++) await change(small, random)
    for (let round = 0; round < 3; round++) {
      await using running = small.start()
      await live(running)
      for (let i = 0; i < 20; i++) await change(small, random)
      running.kill('SIGKILL')
      await running.exit
      for (let i = 0; i < 5; i++) await change(small, random)
    }
    await using running = small.start()
    await live(running)
    expect((await small.verb('wait')).code).toBe(0)
    await expectEqual(small)
    const verified = async (sink: string, ...args: string[]): Promise<[number | null, VerifyReport]> => {
      const { code, out } = await small.verb('verify', '--sink', sink, '--json', ...args)
      return [code, JSON.parse(out.trimEnd().split('\n').at(-1)!) as VerifyReport]
    }
    for (const sink of ['few', 'files']) expect((await verified(sink))[0]).toBe(0)
    // A row of the source that is not wanted, one that nobody has, one that is false, and one that is missing.
    const { id } = (await small.sql(`SELECT id FROM item WHERE NOT coalesce(${PAID}, false) LIMIT 1`))[0]!
    {
      using database = new DatabaseSync(join(small.folder, 'few.db'), { timeout: 5000 })
      database.exec(`UPDATE public_item SET sum = '-1' WHERE number = (SELECT min(number) FROM public_item);
        DELETE FROM public_item WHERE number = (SELECT max(number) FROM public_item);
        INSERT INTO public_item (number, sum, kind) VALUES (${id}, '1', 'item'), (9999, '1', 'item')`)
    }
    const [code, { tables }] = await verified('few', '--fix')
    expect(code).toBe(0)
    expect(tables[0]).toMatchObject({ missing: 1, extra: 2, different: 1, fixed: 4 })
    await expectEqual(small)
  })

  it('is built anew by another condition, beside what it holds or in its place, and says so beforehand', async () => {
    await using small = await open()
    const random = new Random(11)
    for (let i = 0; i < 20; i++) await change(small, random)
    {
      await using running = small.start()
      await live(running)
      expect((await small.verb('wait')).code).toBe(0)
      await expectEqual(small)
      running.kill('SIGTERM')
      await running.exit
    }
    const other = 'price < 15 or state is null'
    await declare(small, other)
    {
      await using running = small.start()
      await running.until(() => running.output.includes('anew, then swapped'), 'it is built anew')
      expect(running.output).toContain('few: what is declared of app.public.item has changed: it is built anew beside')
      expect(running.output).toContain('files: what is declared of app.public.item has changed: it is emptied')
      for (let i = 0; i < 10; i++) await change(small, random)
      await live(running)
      expect((await small.verb('wait')).code).toBe(0)
      await expectEqual(small, other)
      const back = await small.verb('backfill', '--sink', 'few', '--rollback', '--json')
      expect(refusalOf(back)).toMatchObject({ code: 'GENERATION_SHAPE' })
      running.kill('SIGTERM')
      await running.exit
    }
    await using again = small.start()
    await live(again)
    expect(again.output).not.toContain('what is declared')
    for (let i = 0; i < 10; i++) await change(small, random)
    expect((await small.verb('wait')).code).toBe(0)
    await expectEqual(small, other)
  })

  it('stops at a table whose columns have changed until that is accepted, and names a column that is not there', async () => {
    await using small = await open()
    small.settings.sinks = [
      ...['few:', '  type: sqlite', '  path: ./few.db', '  schemaChanges: stop'],
      ...['same:', '  type: sqlite', '  path: ./same.db', '  schemaChanges: ignore'],
      ...['wrong:', '  type: sqlite', '  path: ./wrong.db', '  where:', '    app.public.item: prise > 1'],
    ]
    await small.configure()
    await using running = small.start()
    await running.until(
      ({ sinks }) => sinks.few?.phase === 'live' && sinks.same?.phase === 'live' && sinks.wrong?.state === 'failed',
      'two are live',
    )
    const error = (await running.status())!.sinks.wrong!.error!
    expect(error.code).toBe('CONFIG_SHAPE')
    expect(error.message).toContain('has no column "prise"; did you mean "price"?, at character 1')
    const check = await small.verb('check', '--json')
    expect(check.code).toBe(3)
    expect(check.out).toContain('did you mean')
    await small.sql('ALTER TABLE item ADD COLUMN size int; INSERT INTO item (id, size) VALUES (50, 7)')
    await running.until(({ sinks }) => sinks.few?.state === 'failed', 'it stops')
    expect((await running.status())!.sinks.few!.error).toMatchObject({
      code: 'SCHEMA_CHANGED',
      message: 'The columns of app.public.item have changed (new: size).',
    })
    const columns = (name: string): string[] => {
      using database = new DatabaseSync(join(small.folder, `${name}.db`), { timeout: 5000 })
      return database
        .prepare("SELECT name FROM pragma_table_info('public_item')")
        .all()
        .map(row => String(row.name))
    }
    expect(columns('few')).not.toContain('size')
    expect((await small.verb('resume', '--sink', 'few')).code).toBe(0)
    expect((await small.verb('wait', '--sink', 'few', '--sink', 'same')).code).toBe(0)
    expect(columns('few')).toContain('size')
    expect((await small.verb('backfill', '--sink', 'same')).code).toBe(0)
    expect(columns('same')).not.toContain('size')
  })

  it('holds what a function makes of the rows, and is built anew when that is another one', async () => {
    await using small = await open()
    await small.sql('INSERT INTO item (id, name, price) SELECT n, n::text, n FROM generate_series(4, 40) n')
    const write = (title: string): Promise<void> =>
      writeFile(
        join(small.folder, 'search.mjs'),
        `export default { 'app.public.item': { columns: { title: 'text' },
           row: ({ id, price }) => (Number(price) % 2 === 0 ? { title: ${title} } : undefined) } }`,
      )
    await write("'item ' + id")
    small.settings.sinks = ['made:', '  type: sqlite', '  path: ./made.db', '  transform: ./search.mjs']
    await small.configure()
    await using running = small.start()
    await live(running)
    const expectMade = async (title: string): Promise<void> => {
      expect((await small.verb('wait')).code).toBe(0)
      using database = new DatabaseSync(join(small.folder, 'made.db'), { timeout: 5000 })
      const rows = database
        .prepare('SELECT CAST(id AS TEXT) AS id, title FROM public_item ORDER BY public_item.id')
        .all()
      const sql = `SELECT id, ${title} AS title FROM item WHERE coalesce(price, 0) % 2 = 0 ORDER BY item.id`
      expect(rows.map(row => ({ ...row }))).toEqual(await small.sql(sql))
    }
    await small.sql('UPDATE item SET price = price + 1 WHERE id % 3 = 0')
    await expectMade("'item ' || id")
    expect((await small.verb('verify', '--sink', 'made')).code).toBe(0)
    await write("'no. ' + id")
    running.kill('SIGHUP')
    await running.until(() => running.output.includes('the sink is built anew, then swapped'), 'it is built anew')
    await small.sql('UPDATE item SET price = price + 1 WHERE id % 5 = 0')
    await live(running)
    await expectMade("'no. ' || id")
    const { out } = await small.verb('types')
    expect(out).toContain(
      'readonly "app.public.item": {\n    readonly "id": number\n    readonly "name": string | null',
    )
  })
})
