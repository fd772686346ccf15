import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { CompactionReport } from '../../runtime/contract.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { refusalOf, SmallPipeline } from '../support/small-pipeline.ts'
import { until } from '../support/until.ts'

describe('a sink that reads a part of the log once more', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  async function compacted(small: SmallPipeline): Promise<CompactionReport> {
    const { code, out } = await small.verb('compact', '--json')
    expect(code).toBe(0)
    return (JSON.parse(out) as { sources: { app: CompactionReport } }).sources.app
  }

  async function lines(small: SmallPipeline): Promise<string[]> {
    const folder = join(small.folder, 'events')
    const files = (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.jsonl')).sort()
    const texts = await Promise.all(files.map(name => readFile(join(folder, name), 'utf8')))
    return texts.flatMap(text => text.trimEnd().split('\n')).filter(line => !line.startsWith('{"batch":'))
  }

  it('emits the changes again where it keeps every change, and comes to the same rows where it keeps rows', async () => {
    await using small = await SmallPipeline.open(server)
    small.settings.sinks = ['events:', '  type: jsonl', '  path: ./events', '  mode: changes']
    await small.configure()
    await using running = small.start()
    await running.until(({ sinks }) => sinks.events?.phase === 'live' && sinks.copy?.phase === 'live', 'all is live')
    const between = new Date()
    await small.sql("UPDATE item SET name = 'uno' WHERE id = 1")
    await small.sql('DELETE FROM item WHERE id = 2')
    expect((await small.verb('wait')).code).toBe(0)
    const before = await lines(small)
    expect(before).toHaveLength(5)
    const cursors = (await small.verb('changes', '--json')).out
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { cursor: string }).cursor)

    expect(await small.verb('replay', '--sink', 'events', '--from', cursors[3]!)).toMatchObject({ code: 0 })
    expect((await small.verb('wait')).code).toBe(0)
    expect(await lines(small)).toHaveLength(6)

    expect(await small.verb('replay', '--sink', 'events', '--since', between.toISOString())).toMatchObject({ code: 0 })
    expect((await small.verb('wait')).code).toBe(0)
    expect(await lines(small)).toHaveLength(8)

    expect(await small.verb('replay', '--sink', 'events', '--from', 'start')).toMatchObject({ code: 0 })
    expect((await small.verb('wait')).code).toBe(0)
    expect(await lines(small)).toHaveLength(13)

    small.change("UPDATE public_item SET name = 'by hand'")
    expect(await small.verb('replay', '--sink', 'copy', '--from', 'start')).toMatchObject({ code: 0 })
    expect((await small.verb('wait')).code).toBe(0)
    const { source, sink } = await small.rows()
    expect(sink).toEqual(source)
  })

  it('refuses a cursor of another log, and one behind what was compacted away', async () => {
    await using small = await SmallPipeline.open(server)
    small.settings.log = ['keepHistory: 0s', 'deleteRetention: 0s']
    await small.configure()
    await using running = small.start()
    await running.until(({ sinks }) => sinks.copy?.phase === 'live', 'it is live')
    const foreign = '0123456789abcdef.0123456789abcdef:3'
    const refused = await small.verb('replay', '--sink', 'copy', '--from', foreign, '--json')
    expect(refusalOf(refused)).toMatchObject({ code: 'CURSOR_FOREIGN' })
    const first = JSON.parse((await small.verb('changes', '--json')).out.split('\n')[0]!) as { cursor: string }
    await small.sql('DELETE FROM item WHERE id = 3')
    expect((await small.verb('wait')).code).toBe(0)
    await small.sql("UPDATE item SET name = 'uno' WHERE id = 1")
    expect((await small.verb('wait')).code).toBe(0)
    // The log learns within a second how far a sink is that keeps its cursor itself, and keeps the delete until then.
    await until(async () => (await compacted(small)).horizon !== undefined, 'the delete is gone')
    const expired = await small.verb('replay', '--sink', 'copy', '--from', first.cursor, '--json')
    expect(refusalOf(expired)).toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(refusalOf(await small.verb('replay', '--sink', 'copy', '--json'))).toMatchObject({ code: 'USAGE' })
  })
})
