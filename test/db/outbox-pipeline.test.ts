/** Events of an outbox on their way through a whole pipeline: into the sinks, over kills, and to who reads changes. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { refusalOf, SmallPipeline } from '../support/small-pipeline.ts'

const TABLE = `CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY, aggregatetype text, aggregateid text,
  type text, payload jsonb)`

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server?.[Symbol.asyncDispose]())

async function pipeline(): Promise<SmallPipeline> {
  const small = await SmallPipeline.open(server)
  await small.sql(TABLE)
  small.settings.source = ['outbox:', '  table: public.outbox']
  small.settings.sinks = ['files:', '  type: jsonl', '  path: ./files', '  mode: changes']
  await small.configure()
  return small
}

/** By table folder: the keys of `payload` that its lines have. */
async function linesOf(small: SmallPipeline): Promise<Map<string, string[]>> {
  const root = join(small.folder, 'files')
  const lines = new Map<string, string[]>()
  for (const entry of (await readdir(root, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isDirectory()) continue
    const files = (await readdir(join(root, entry.name))).filter(name => name.endsWith('.jsonl')).sort()
    const texts = await Promise.all(files.map(name => readFile(join(root, entry.name, name), 'utf8')))
    lines.set(
      entry.name,
      texts
        .join('')
        .split('\n')
        .filter(line => line.includes('aggregatetype')),
    )
  }
  return lines
}

describe('events of an outbox', () => {
  it('stand in every sink under the names of their types, and nothing of the outbox does', async () => {
    await using small = await pipeline()
    await small.sql(
      `INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES ('order', '1', 'placed', '{"n": 1}')`,
    )
    expect(await small.runOnce()).toMatchObject({ code: 0 })
    await small.sql(`INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES ('order', '2', 'placed', '{"n": 2}'),
      ('a.b "c"', '3', 'x', NULL); DELETE FROM outbox`)
    expect(await small.runOnce()).toMatchObject({ code: 0 })
    const names = (await small.sink("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")) as {
      name: string
    }[]
    expect(names.map(({ name }) => name).filter(name => !name.startsWith('_'))).toEqual([
      expect.stringMatching(/^outbox_a/),
      'outbox_order',
      'public_item',
    ])
    expect(
      await small.sink('SELECT CAST(id AS TEXT) AS id, aggregateid, payload FROM outbox_order ORDER BY id'),
    ).toEqual([
      { id: '1', aggregateid: '1', payload: '{"n": 1}' },
      { id: '2', aggregateid: '2', payload: '{"n": 2}' },
    ])
    const files = await linesOf(small)
    expect([...files].map(([name, lines]) => [name, lines.length]).filter(([, lines]) => lines !== 0)).toEqual([
      [expect.stringContaining('outbox.'), 1],
      ['outbox.order', 2],
    ])
    const { out } = await small.verb('tables', '--json')
    const { tables } = JSON.parse(out) as { tables: { table: string; key: string[] }[] }
    expect(tables.map(({ table, key }) => [table, key])).toEqual([
      ['app.outbox."a.b ""c"""', []],
      ['app.outbox.order', []],
      ['app.public.item', ['id']],
    ])
    const changes = await small.verb('changes', '--table', 'app.outbox.*')
    const events = changes.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(events.map(({ table, key, value }) => [table, key, value.op, value.after.aggregateid])).toEqual([
      ['app.outbox.order', null, 'r', '1'],
      ['app.outbox.order', null, 'c', '2'],
      ['app.outbox."a.b ""c"""', null, 'c', '3'],
    ])
    expect(events[1].value.source).toMatchObject({ schema: 'outbox', table: 'order' })
  }, 60_000)

  it('are in the log and in the files once each, in their order, however often the process is killed', async () => {
    await using small = await pipeline()
    const each = 400
    const written = async (round: number): Promise<void> => {
      for (let n = 0; n < each; n++)
        await small.sql(`BEGIN; INSERT INTO outbox (aggregatetype, aggregateid, type) VALUES ('t${n % 3}', '${round}', 'x'),
          ('round${round}', '${n}', 'x'); DELETE FROM outbox; COMMIT`)
    }
    await small.sql(`INSERT INTO outbox (aggregatetype, aggregateid, type) VALUES ('t0', 'before', 'x')`)
    for (let round = 0; round < 3; round++) {
      const running = small.start()
      await running.until(({ sources }) => sources.app!.phase === 'streaming', 'it streams')
      const before = Number((await running.status())!.sources.app!.log.records ?? 0)
      const writing = written(round)
      await running.until(({ sources }) => Number(sources.app!.log.records ?? 0) > before + 100, 'some are in the log')
      running.kill('SIGKILL')
      await running.exit
      await writing
    }
    expect(await small.runOnce()).toMatchObject({ code: 0 })
    const { out } = await small.verb('changes', '--table', 'app.outbox.*')
    const ids = out
      .trim()
      .split('\n')
      .map(line => Number(JSON.parse(line).value.after.id))
    expect(ids).toEqual(Array.from({ length: 1 + 3 * 2 * each }, (_, i) => i + 1))
    const counts = [...(await linesOf(small))].filter(([name]) => name.startsWith('outbox.'))
    expect(counts.map(([name, lines]) => `${name} ${lines.length}`).sort()).toEqual([
      ...[0, 1, 2].map(round => `outbox.round${round} ${each}`),
      ...[0, 1, 2].map(n => `outbox.t${n} ${(n === 0 ? 1 : 0) + 3 * Math.ceil((each - n) / 3)}`),
    ])
  }, 120_000)

  it('are checked before a start: the table, its columns, and who may publish it', async () => {
    await using small = await pipeline()
    const errors = async (): Promise<string[]> => {
      const { out } = await small.verb('check', '--json')
      const { parts } = JSON.parse(out) as { parts: { findings: { level: string; code: string }[] }[] }
      const found = parts.flatMap(({ findings }) => findings)
      return found.filter(({ level }) => level === 'error').map(({ code }) => code)
    }
    expect(await errors()).toEqual([])
    await small.sql('ALTER TABLE outbox DROP COLUMN payload')
    expect(await errors()).toEqual(['OUTBOX_COLUMNS'])
    expect(refusalOf(await small.runOnce())).toMatchObject({ code: 'OUTBOX_COLUMNS' })
    await small.sql('DROP TABLE outbox')
    expect(await errors()).toEqual(['TABLE_MISSING'])
  }, 60_000)
})
