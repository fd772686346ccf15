import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { LogBatch, Sink, Table, Target } from '../../../runtime/contract.ts'
import sqlite from '../../../sinks/sqlite.ts'
import { column, ScriptedLog, table, tuple } from '../../support/scripted-log.ts'
import { rowsIn } from '../../support/sink-driver.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

describe('the sqlite sink', () => {
  let folder: string
  let path: string
  let target: Target
  let sink: Sink
  let log: ScriptedLog

  const open = async (search: Record<string, string[]> = {}, context = sinkContext()): Promise<void> => {
    target = await sqlite.open(sqlite.config.parse({ path, search }), context)
    sink = await target.sink({ name: 'app', logId: '5c21' }, never)
  }
  const reopen = async (search: Record<string, string[]> = {}): Promise<void> => {
    await target[Symbol.asyncDispose]()
    await open(search)
  }
  const write = async (batch: LogBatch): Promise<void> => {
    expect(await sink.write(batch, never)).toEqual({ rejected: [] })
  }
  const put = (of: Table, ...cells: (string | null)[]): LogBatch =>
    log.batch(writer => writer.row('u', of, tuple(cells)))
  /** Reads as a user would, beside the running sink. */
  const query = (sql: string, ...values: string[]): Record<string, SQLOutputValue>[] => {
    using database = new DatabaseSync(path)
    return database.prepare(sql).all(...values)
  }
  const found = (of: string, words: string): unknown[] =>
    query(`SELECT t.* FROM ${of}_search s JOIN ${of} t ON t.rowid = s.rowid WHERE ${of}_search MATCH ?`, words)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailrace-sqlite-'))
    path = join(folder, 'rows.db')
    log = new ScriptedLog('5c21')
    await open()
    await write(log.batch(writer => writer.announce(items)))
  })
  afterEach(async () => {
    await target[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  it('names tables by schema and table, columns as they are, and types them', async () => {
    await write(put(items, '1', 'lamp', null))
    expect(query('SELECT * FROM public_items')).toMatchObject([{ id: 1, name: 'lamp', note: null }])
    expect(query("SELECT name, type FROM pragma_table_info('public_items')")).toMatchObject([
      { name: 'id', type: 'INTEGER' },
      { name: 'name', type: 'TEXT' },
      { name: 'note', type: 'TEXT' },
    ])
  })

  it('is a file for its owner alone', async () => {
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('names the rows that it refuses and stores nothing of their batch, until they are skipped', async () => {
    const batch = log.batch(writer => {
      writer.row('c', items, tuple(['1', 'good', null]))
      writer.row('c', items, tuple(['not a number', 'secret', null]))
      writer.row('c', items, tuple(['3', 'good', null]))
      writer.row('c', items, tuple(['4.5', 'secret', null]))
    })
    const before = await sink.cursor!(never)
    const { rejected } = await sink.write(batch, never)
    expect(rejected.map(({ index }) => index)).toEqual([1, 3])
    for (const { reason } of rejected) expect(reason).not.toMatch(/secret|not a number/)
    expect(query('SELECT * FROM public_items')).toEqual([])
    expect(await sink.cursor!(never)).toBe(before)
    expect(await sink.write(batch, never, new Set([1, 3]))).toEqual({ rejected: [] })
    expect(query('SELECT id FROM public_items')).toMatchObject([{ id: 1 }, { id: 3 }])
    expect(await sink.cursor!(never)).toBe(batch.cursor)
  })

  it('finds words in the columns it is told to search, in step with every change', async () => {
    const docs = table(2, 'public.docs', [column('slug', 'text'), column('body', 'text'), column('n', 'int64')])
    const names = { 'app.public.items': ['name', 'note'], 'app.public.docs': ['body'] }
    await reopen(names)
    await write(log.batch(writer => writer.announce(docs)))
    await write(put(items, '1', 'Brass lamp', 'für den Tisch'))
    await write(put(items, '2', 'Steel lamp', null))
    await write(put(docs, 'a', 'how to wire a lamp', '1'))
    expect(found('public_items', 'lamp')).toHaveLength(2)
    expect(found('public_items', 'fur tisch')).toHaveLength(1)
    expect(found('public_docs', 'wire')).toMatchObject([{ slug: 'a' }])
    await write(put(items, '1', 'Brass bowl', null))
    await write(put(docs, 'a', 'how to wire a bell', '2'))
    await write(log.batch(writer => writer.delete(items, tuple(['2', undefined, undefined]), false)))
    expect(found('public_items', 'lamp')).toEqual([])
    expect(found('public_items', 'bowl')).toMatchObject([{ id: 1 }])
    expect(found('public_docs', 'bell')).toMatchObject([{ slug: 'a', n: 2 }])
    await sink.truncate!(items, never)
    expect(found('public_items', 'bowl')).toEqual([])
    await write(put(items, '7', 'after the flood', null))
    expect(found('public_items', 'flood')).toHaveLength(1)
  })

  it('indexes rows that are there already when search is asked for later, and forgets the index again', async () => {
    const docs = table(2, 'public.docs', [column('slug', 'text'), column('body', 'text')])
    await write(log.batch(writer => writer.announce(docs)))
    await write(put(docs, 'a', 'an early word'))
    await reopen({ 'app.public.docs': ['body'] })
    await write(put(docs, 'b', 'a later word'))
    expect(found('public_docs', 'word')).toHaveLength(2)
    query('VACUUM')
    expect(found('public_docs', 'early')).toMatchObject([{ slug: 'a' }])
    await reopen({ 'app.public.docs': ['slug', 'body'] })
    await write(put(docs, 'c', 'x'))
    expect(found('public_docs', 'slug:a')).toHaveLength(1)
    await reopen()
    await write(put(docs, 'd', 'x'))
    expect(query("SELECT name FROM sqlite_schema WHERE name LIKE '%search%'")).toEqual([])
    expect((await rowsIn(sink, docs)).size).toBe(4)
  })

  it('leaves the index alone where no searched column changed, and mends it behind changes by hand', async () => {
    await reopen({ 'app.public.items': ['name'] })
    await write(put(items, '1', 'first words', 'a'))
    await write(log.batch(writer => writer.row('u', items, tuple(['1', undefined, 'b']))))
    expect(found('public_items', 'words')).toMatchObject([{ note: 'b' }])
    query("UPDATE public_items SET name = 'changed by hand'")
    await write(put(items, '1', 'last words', 'c'))
    expect(found('public_items', 'first OR hand')).toEqual([])
    expect(found('public_items', 'last')).toHaveLength(1)
  })

  it('stops if there is no such column to search', async () => {
    await reopen({ 'app.public.items': ['nmae'] })
    await expect(sink.write(put(items, '1', 'a', 'b'), never)).rejects.toMatchObject({ code: 'SEARCH_COLUMN' })
  })

  it('keeps what it holds when the type of a column changes, also of a key', async () => {
    await reopen({ 'app.public.items': ['name'] })
    await write(put(items, '12', '34', null))
    const changed = table(
      3,
      'public.items',
      [column('id', 'text'), column('name', 'int64'), column('note', { kind: 'bytes' })],
      { version: 2 },
    )
    await write(log.batch(writer => writer.announce(changed)))
    await write(put(changed, '012', '9223372036854775807', '\\x00'))
    await write(put(changed, 'x', null, null))
    const rows = [...(await rowsIn(sink, changed)).values()]
    expect(rows).toHaveLength(3)
    expect(rows).toContainEqual(expect.objectContaining({ id: '12', name: '34', note: null }))
    expect(rows).toContainEqual(expect.objectContaining({ id: '012', name: '9223372036854775807', note: '\\x00' }))
    expect(found('public_items', '34')).toHaveLength(1)
  })

  it('leaves the values of a dropped column in their rows', async () => {
    await write(put(items, '1', 'a', 'kept'))
    const narrow = table(4, 'public.items', items.columns.slice(0, 2), { version: 2 })
    await write(log.batch(writer => writer.announce(narrow)))
    await write(put(narrow, '1', 'b'))
    expect(query('SELECT name, note FROM public_items')).toMatchObject([{ name: 'b', note: 'kept' }])
  })

  it('takes no rows of a life of the table that has ended', async () => {
    const reborn = { ...items, id: 5, incarnation: 2 }
    await write(log.batch(writer => writer.announce(reborn)))
    await write(put(reborn, '1', 'new life', null))
    const former = { ...items, id: 6 }
    await write(log.batch(writer => writer.announce(former)))
    await write(put(former, '2', 'former life', null))
    expect(query('SELECT name FROM public_items')).toMatchObject([{ name: 'new life' }])
  })

  it('marks deleted rows and takes the mark off when the row is back', async () => {
    await target[Symbol.asyncDispose]()
    await open({ 'app.public.items': ['name'] }, sinkContext({ onDelete: 'mark' }))
    for (const id of ['1', '2']) await write(put(items, id, 'a', null))
    await write(log.batch(writer => writer.delete(items, tuple(['1', undefined, undefined]), false)))
    const first = 'SELECT id, name, _deleted FROM public_items WHERE id = 1'
    expect(query(first)).toMatchObject([{ id: 1, name: 'a', _deleted: 1 }])
    expect(found('public_items', 'a')).toMatchObject([{ id: 2 }])
    await write(put(items, '1', 'a', null))
    expect(query(first)).toMatchObject([{ id: 1, name: 'a', _deleted: 0 }])
    expect(found('public_items', 'a')).toMatchObject([{ id: 1 }, { id: 2 }])
  })

  it('is built anew if one of its tables was dropped', async () => {
    await write(put(items, '1', 'a', null))
    await target[Symbol.asyncDispose]()
    query('DROP TABLE public_items')
    await open()
    expect(await sink.cursor!(never)).toBeUndefined()
  })

  it('notices that its file was removed or its cursor set back while it ran', async () => {
    await write(put(items, '1', 'a', null))
    query("UPDATE _tailrace SET cursor = '5c21.s1:1'")
    await expect(sink.write(put(items, '2', 'b', null), never)).rejects.toMatchObject({
      code: 'SINK_RESTORED',
      recovery: 'retry',
    })
    for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true })
    await expect(sink.write(put(items, '3', 'c', null), never)).rejects.toMatchObject({ code: 'SINK_RESTORED' })
  })

  it('waits for nobody for ever: a locked file is an error to try again', async () => {
    using database = new DatabaseSync(path)
    database.exec('BEGIN IMMEDIATE')
    await expect(sink.write(put(items, '2', 'b', null), never)).rejects.toMatchObject({
      code: 'TARGET_BUSY',
      recovery: 'retry',
    })
    database.exec('ROLLBACK')
    await write(put(items, '2', 'b', null))
  })

  it('refuses a table of somebody else', async () => {
    query('CREATE TABLE public_mine (x)')
    const mine = table(7, 'public.mine', items.columns)
    const announced = log.batch(writer => writer.announce(mine))
    await expect(sink.write(announced, never)).rejects.toMatchObject({ code: 'TARGET_TAKEN' })
    const other = await sqlite.open(sqlite.config.parse({ path }), sinkContext({ name: 'other' }))
    const second = await other.sink({ name: 'app', logId: '5c21' }, never)
    await expect(second.write(put(items, '1', 'x', null), never)).rejects.toMatchObject({ code: 'NAME_COLLISION' })
    await other[Symbol.asyncDispose]()
  })

  it('refuses a file that is not a database, by check and by opening', async () => {
    const wrong = join(folder, 'wrong.db')
    await writeFile(wrong, 'x'.repeat(5000))
    const options = sqlite.config.parse({ path: wrong })
    await expect((async () => sqlite.open(options, sinkContext()))()).rejects.toMatchObject({ code: 'SINK_DAMAGED' })
    const findings = await sqlite.check!(options, sinkContext(), never)
    expect(findings).toMatchObject([{ level: 'ok' }, { level: 'error', code: 'SINK_DAMAGED' }])
  })

  it('checks a path without making anything', async () => {
    expect(await sqlite.check!(sqlite.config.parse({ path }), sinkContext(), never)).toMatchObject([{ level: 'ok' }])
    const below = join(folder, 'not', 'yet', 'there.db')
    const found = await sqlite.check!(sqlite.config.parse({ path: below }), sinkContext(), never)
    expect(found).toMatchObject([{ level: 'ok' }])
    await expect(stat(join(folder, 'not'))).rejects.toMatchObject({ code: 'ENOENT' })
    const impossible = sqlite.config.parse({ path: join(path, 'below a file.db') })
    expect(await sqlite.check!(impossible, sinkContext(), never)).toMatchObject([{ level: 'error' }])
  })

  it('leaves nothing behind when it is removed, but what others keep in the file', async () => {
    await write(put(items, '1', 'a', null))
    query('CREATE TABLE mine (x)')
    await target[Symbol.asyncDispose]()
    const options = sqlite.config.parse({ path })
    expect(await sqlite.destroy(options, sinkContext(), never)).toEqual([`dropped public_items in ${path}`])
    expect(query('SELECT * FROM mine')).toEqual([])
    query('DROP TABLE mine')
    expect(await sqlite.destroy(options, sinkContext(), never)).toEqual([`removed ${path}`])
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
    await open()
  })
})
