import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { LogBatch, Sink, Target } from '../../../runtime/contract.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import jsonl from '../../../sinks/jsonl.ts'
import { ScriptedLog, tuple } from '../../support/scripted-log.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

interface Line {
  readonly cursor: string
  readonly table: string
  readonly key: { readonly id: number } | null
  readonly value: { readonly op: string; readonly after: { readonly name: string } | null }
}

describe('jsonl with every change', () => {
  let path: string
  let target: Target
  let sink: Sink
  let log: ScriptedLog

  const open = async (fileBytes = '64MB'): Promise<void> => {
    target = await jsonl.open(jsonl.config.parse({ path, fileBytes }), sinkContext())
    sink = await target.sink({ name: 'app', logId: '5c21' }, never)
  }
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'tailrace-changes-'))
    log = new ScriptedLog('5c21')
    await open()
    await sink.write(
      log.batch(writer => writer.announce(items)),
      never,
    )
  })
  afterEach(async () => {
    await target[Symbol.asyncDispose]()
    await rm(path, { recursive: true })
  })

  const put = (id: number, name: string): LogBatch =>
    log.batch(writer => writer.row(id === 1 ? 'c' : 'u', items, tuple([`${id}`, name, null])))
  const files = async (): Promise<string[]> => (await readdir(join(path, 'public.items'))).sort()
  const text = async (): Promise<string> => {
    const parts = (await files()).map(file => readFile(join(path, 'public.items', file), 'utf8'))
    return (await Promise.all(parts)).join('')
  }
  const events = async (): Promise<Line[]> =>
    (await text())
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('{"batch":'))
      .map(line => JSON.parse(line))

  it("appends Debezium's envelope for each change, truncates included", async () => {
    await sink.write(put(1, 'one'), never)
    await sink.write(
      log.batch(writer => writer.delete(items, tuple(['1', undefined, undefined]), false)),
      never,
    )
    await sink.write(
      log.batch(writer => writer.truncate(items)),
      never,
    )
    const lines = await events()
    expect(lines.map(line => line.value.op)).toEqual(['c', 'd', 't'])
    expect(lines[0]).toMatchObject({ table: 'app.public.items', key: { id: 1 }, value: { after: { name: 'one' } } })
    expect(lines[1]).toMatchObject({ key: { id: 1 }, value: { before: { id: 1 }, after: null } })
    expect(lines[2]).toMatchObject({ key: null, value: { before: null, after: null } })
    expect(jsonl.reads).toBeInstanceOf(Function)
  })

  it('holds each change once after it was opened again', async () => {
    for (let i = 1; i <= 3; i++) await sink.write(put(i, `n${i}`), never)
    await target[Symbol.asyncDispose]()
    await open()
    await sink.write(put(4, 'n4'), never)
    expect((await events()).map(line => line.key?.id)).toEqual([1, 2, 3, 4])
  })

  it('goes on in a new file when one is full, each file ending with a marker', async () => {
    await target[Symbol.asyncDispose]()
    await open('1KB')
    for (let i = 1; i <= 20; i++) await sink.write(put(i, 'x'.repeat(200)), never)
    expect((await files()).length).toBeGreaterThan(3)
    expect((await files())[0]).toBe('00000001.jsonl')
    for (const file of await files()) {
      const lines = (await readFile(join(path, 'public.items', file), 'utf8')).split('\n')
      expect(lines.at(-1)).toBe('')
      expect(JSON.parse(lines.at(-2)!)).toMatchObject({ log: '5c21' })
    }
    expect((await events()).map(line => line.key?.id)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })

  it('keeps the lines of a former life of a table', async () => {
    await sink.write(put(1, 'former'), never)
    const reborn = { ...items, id: 2, incarnation: 2 }
    await sink.write(
      log.batch(writer => {
        writer.announce(reborn)
        writer.row('c', reborn, tuple(['1', 'new', null]))
      }),
      never,
    )
    expect((await events()).map(line => line.value.after?.name)).toEqual(['former', 'new'])
  })

  it('loses every line of a purged key, and keeps all others and the ends of batches', async () => {
    await target[Symbol.asyncDispose]()
    await open('1KB')
    const long = 'x'.repeat(3 * 1024 * 1024)
    for (let i = 1; i <= 20; i++)
      await sink.write(put(i % 5 === 0 ? 1 : i, i % 5 === 0 ? 'Zaunkoenig' : `"key":{"id":1}, n${i}`), never)
    await sink.write(put(1, `Zaunkoenig ${long}`), never)
    await sink.write(put(2, long), never)
    const cursor = await sink.cursor!(never)
    await target[Symbol.asyncDispose]()
    const before = await events()
    const markers = (whole: string): string[] => whole.split('\n').filter(line => line.startsWith('{"batch":'))
    const ends = markers(await text())
    const options = jsonl.config.parse({ path, fileBytes: '1KB' })
    const rows = ['1', '777'].map(id => ({ table: items, key: keyFromTexts([id]) }))
    expect(await jsonl.purge!(options, sinkContext(), { tables: [items], rows }, never)).toEqual([
      `rewrote ${join(path, 'public.items')}`,
    ])
    expect(await text()).not.toContain('Zaunkoenig')
    expect(await events()).toEqual(before.filter(({ key }) => key?.id !== 1))
    expect(markers(await text())).toEqual(ends)
    expect((await files()).every(name => /^\d{8}\.jsonl$/.test(name))).toBe(true)
    await open('1KB')
    expect(await sink.cursor!(never)).toBe(cursor)
    await sink.write(put(1, 'later'), never)
    expect((await events()).at(-1)!.value.after!.name).toBe('later')
  })
})
