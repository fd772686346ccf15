// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration's own variables
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { start, type TestPipeline } from '../../runtime/testing.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

const CONFIG = `pipeline: shop
log:
  path: /nowhere/this/process/may/write
sources:
  app:
    type: postgres
    url: \${TAILRACE_TEST_UNSET}
    slot: production
    tables: [public.item]
sinks:
  search:
    type: sqlite
    path: ./copy.db
`
/** Far more than any wait below takes, also on a busy machine. */
const LONG = { timeout: 30_000 }

let server: PostgresServer
let url: string
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())
beforeEach(async () => {
  url = await newDatabase()
})

const sql = (text: string, database = url) => server.sql(text, [], new URL(database).pathname.slice(1))

async function newDatabase(): Promise<string> {
  const made = await server.createDatabase()
  await sql("CREATE TABLE item (id int8 PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'one'), (2, 'two')", made)
  return made
}

function copied(t: TestPipeline): unknown[] {
  using database = new DatabaseSync(join(t.folder, 'copy.db'), { readOnly: true })
  return database
    .prepare('SELECT name FROM public_item ORDER BY public_item.id')
    .all()
    .map(row => row.name)
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function slots(): Promise<unknown[]> {
  return (await sql('SELECT slot_name FROM pg_replication_slots ORDER BY 1')).map(row => row.slot_name)
}

describe('a pipeline in a test suite', () => {
  it('has all that was committed before in its sink, first load included', async () => {
    await using t = await start({ config: CONFIG, urls: { app: url } })
    await t.synced('search', LONG)
    expect(copied(t)).toEqual(['one', 'two'])
    await sql("INSERT INTO item VALUES (3, 'three'); UPDATE item SET name = 'zwei' WHERE id = 2")
    await t.synced(undefined, LONG)
    expect(copied(t)).toEqual(['one', 'zwei', 'three'])
  })

  it('takes a file or an object as well, each with what its relative paths mean', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-testing-'))
    try {
      const file = join(folder, 'tailrace.yaml')
      await writeFile(join(folder, 'password'), 'secret')
      await writeFile(file, `${CONFIG}http:\n  token: \${file:password}\${file:password}\n`)
      const object = {
        pipeline: 'a_name_as_long_as_they_may_be__',
        sources: { app: { type: 'postgres', url, tables: ['public.*'] } },
        sinks: { search: { type: 'sqlite', path: './copy.db' } },
      }
      for (const [config, urls] of [
        [file, { app: url }],
        [object, {}],
      ] as const) {
        await using t = await start({ config, urls })
        await t.synced('search', LONG)
        expect(copied(t)).toEqual(['one', 'two'])
        expect(existsSync(join(folder, 'copy.db'))).toBe(false)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('stands beside another of the same configuration', async () => {
    const other = await newDatabase()
    await sql("INSERT INTO item VALUES (9, 'nine')", other)
    await using a = await start({ config: CONFIG, urls: { app: url } })
    await using b = await start({ config: CONFIG, urls: { app: other } })
    await Promise.all([a.synced('search', LONG), b.synced('search', LONG)])
    expect(copied(a)).toEqual(['one', 'two'])
    expect(copied(b)).toEqual(['one', 'two', 'nine'])
  })

  it('says what is behind when the time is over', async () => {
    await using t = await start({ config: CONFIG, urls: { app: url } })
    await t.synced('search', LONG)
    await t.pause({ sink: 'search' })
    await sql("INSERT INTO item VALUES (3, 'three')")
    await expect(t.synced('search', { timeout: 700 })).rejects.toMatchObject({
      code: 'WAIT_TIMEOUT',
      message: 'Not everything was applied within 700 ms: sink search is paused, 1 change behind.',
    })
    await t.pause({ source: 'app' })
    await expect(t.synced('search', { timeout: 10 })).rejects.toMatchObject({
      message: expect.stringContaining('source app is paused'),
    })
    expect((await t.status()).health).toBe('yellow')
    await t.resume({ source: 'app' })
    await t.resume({ sink: 'search' })
    await t.synced('search', LONG)
    expect(copied(t)).toEqual(['one', 'two', 'three'])
  })

  it('does not wait for what has failed for good', async () => {
    const sink = resolve(import.meta.dirname, 'fixtures', 'refusing-sink.ts')
    const config = `${CONFIG}  closed:\n    type: ${sink}\n`
    await using t = await start({ config, urls: { app: url } })
    await expect(t.synced('closed', LONG)).rejects.toMatchObject({ code: 'TARGET_CLOSED' })
    await t.synced('search', LONG)
    await expect(t.synced('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_SINK' })
  })

  it('hands out its changes, with every digit', async () => {
    await sql("INSERT INTO item VALUES (9007199254740993, 'beyond'), (9007199254740992, 'at')")
    await using t = await start({ config: CONFIG, urls: { app: url } })
    await t.synced('search', LONG)
    const before = (await collect(t.changes())).map(({ key, value }) => [value.op, key?.id])
    expect(before).toEqual([
      ['r', 1],
      ['r', 2],
      ['r', 9007199254740993n],
      ['r', 9007199254740992n],
    ])
    const seen: unknown[] = []
    const following = (async () => {
      for await (const { value, cursor } of t.changes({ tables: ['app.public.*'], from: 'end', follow: true })) {
        seen.push([value.op, value.after])
        if (value.op === 'd') return cursor
      }
      return undefined
    })()
    await sql("INSERT INTO item VALUES (3, 'three')")
    await sql('DELETE FROM item WHERE id = 3')
    const cursor = await following
    expect(seen).toEqual([
      ['c', { id: 3, name: 'three' }],
      ['d', null],
    ])
    expect(await collect(t.changes({ from: cursor! }))).toEqual([])
    await expect(collect(t.changes({ from: 'elsewhere' }))).rejects.toMatchObject({ code: 'CURSOR_FOREIGN' })
  })

  it('ends a loop over its changes when it is disposed of', async () => {
    const t = await start({ config: CONFIG, urls: { app: url } })
    const all = collect(t.changes({ follow: true }))
    await t.synced('search', LONG)
    await t[Symbol.asyncDispose]()
    expect((await all).length).toBe(2)
  })

  it('answers over HTTP on a port of its own', async () => {
    await using t = await start({ config: CONFIG, urls: { app: url } })
    const response = await fetch(`${t.url}/wait?timeout=30`)
    expect(await response.json()).toMatchObject({ applied: true })
  })
})

describe('what a pipeline in a test suite leaves behind', () => {
  it('is nothing: no slot, no publication, no file, no port', async () => {
    const t = await start({ config: CONFIG, urls: { app: url } })
    await t.synced('search', LONG)
    expect(await slots()).toHaveLength(1)
    await t[Symbol.asyncDispose]()
    expect(await slots()).toEqual([])
    expect(await sql('SELECT pubname FROM pg_publication')).toEqual([])
    expect(existsSync(t.folder)).toBe(false)
    await expect(fetch(t.url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })

  it('is the slot that the configuration names, which is not its own', async () => {
    await sql("SELECT pg_create_logical_replication_slot('production', 'pgoutput')")
    try {
      await using t = await start({ config: CONFIG, urls: { app: url } })
      await t.synced('search', LONG)
      expect(await slots()).toEqual(['production', expect.stringMatching(/^tailrace_shop_[0-9a-f]{8}_app$/)])
      await t[Symbol.asyncDispose]()
      expect(await slots()).toEqual(['production'])
    } finally {
      await sql("SELECT pg_drop_replication_slot('production')")
    }
  })

  it('is nothing after a start that failed either', async () => {
    const config = CONFIG.replace('public.item', 'public.item, public.missing')
    await expect(start({ config, urls: { app: url } })).rejects.toMatchObject({ code: 'TABLE_MISSING' })
    await expect(start({ config: CONFIG, urls: { ap: url } })).rejects.toMatchObject({ code: 'UNKNOWN_SOURCE' })
    await expect(start({ config: CONFIG })).rejects.toMatchObject({ code: 'CONFIG_VARIABLE' })
    await expect(start({ config: 'missing.yaml' })).rejects.toMatchObject({ code: 'CONFIG_MISSING' })
    expect(await slots()).toEqual([])
    expect(await sql('SELECT pubname FROM pg_publication')).toEqual([])
  })
})
