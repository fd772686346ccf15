/** SIGHUP: a run goes over to what its configuration file says then, and leaves alone what is the same in it. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type RunningVerb, SmallPipeline } from '../support/small-pipeline.ts'
import { until } from '../support/until.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

afterAll(() => server?.[Symbol.asyncDispose]())

async function live(small: SmallPipeline): Promise<RunningVerb> {
  await small.sql('CREATE TABLE part (id int PRIMARY KEY, name text)')
  await small.sql("INSERT INTO part VALUES (7, 'seven')")
  const running = small.start()
  await running.until(({ sinks }) => sinks.copy?.phase === 'live', 'it is live')
  return running
}

/** A second sink, beside the one that all small pipelines have. */
const withFiles = (yaml: string): string =>
  yaml.replace('sinks:\n', 'sinks:\n  files: { type: jsonl, path: ./files }\n')

async function reload(small: SmallPipeline, running: RunningVerb, yaml: string): Promise<void> {
  await writeFile(small.config, yaml)
  const before = running.output.length
  running.kill('SIGHUP')
  await until(() => /the configuration (is in use|was not taken)/.test(running.output.slice(before)), 'it was read')
}

const partsOf = async (small: SmallPipeline): Promise<unknown[]> =>
  small
    .sink("SELECT name FROM sqlite_master WHERE name = 'public_part'")
    .then(found => (found.length === 0 ? [] : small.sink('SELECT id, name FROM public_part ORDER BY id')))

describe('at SIGHUP a run', () => {
  it('loads a table that was added, while its sinks go on', async () => {
    await using small = await SmallPipeline.open(server)
    const running = await live(small)
    const since = (await running.status())!.sinks.copy!.since
    small.settings.tables.push('public.part')
    await reload(small, running, small.yaml())
    await until(async () => (await partsOf(small)).length === 1, 'its row has arrived')
    await small.sql("INSERT INTO part VALUES (8, 'eight'); INSERT INTO item VALUES (9, 'nine')")
    expect(await small.verb('wait')).toMatchObject({ code: 0 })
    expect(await partsOf(small)).toEqual([
      { id: 7, name: 'seven' },
      { id: 8, name: 'eight' },
    ])
    const { source, sink } = await small.rows()
    expect(sink).toEqual(source)
    expect((await running.status())!.sinks.copy).toMatchObject({ state: 'running', since })
  }, 60_000)

  it('builds a sink that was added, and lets go of one that was removed, while the source streams on', async () => {
    await using small = await SmallPipeline.open(server)
    const running = await live(small)
    const { since } = (await running.status())!.sources.app!
    await reload(small, running, withFiles(small.yaml()))
    expect(await small.verb('wait', '--sink', 'files')).toMatchObject({ code: 0 })
    expect(existsSync(join(small.folder, 'files', '_cursor-app.json'))).toBe(true)
    await reload(small, running, withFiles(small.yaml()).replace(/ {2}copy:\n.*\n.*\n/, ''))
    const status = (await running.status())!
    expect(Object.keys(status.sinks)).toEqual(['files'])
    expect(status.sources.app).toMatchObject({ state: 'running', since })
    // Nobody holds its file any more.
    using database = new DatabaseSync(join(small.folder, 'copy.db'))
    database.exec('BEGIN EXCLUSIVE')
  }, 60_000)

  it('follows a second source that was added, and ends in good order', async () => {
    await using small = await SmallPipeline.open(server)
    await using other = await SmallPipeline.open(server)
    await other.sql('ALTER TABLE item RENAME TO thing')
    const running = await live(small)
    const second = `  other:\n    type: postgres\n    url: ${other.settings.url}\n    tables: [public.thing]\n`
    await reload(small, running, withFiles(small.yaml()).replace('sinks:\n', `${second}sinks:\n`))
    await other.sql("INSERT INTO thing VALUES (5, 'five')")
    expect(await small.verb('wait')).toMatchObject({ code: 0 })
    const { sources, sinks } = (await running.status())!
    expect(Object.keys(sources)).toEqual(['app', 'other'])
    expect(Object.keys(sinks.files!.cursors)).toEqual(['app', 'other'])
    await reload(small, running, withFiles(small.yaml()))
    expect(Object.keys((await running.status())!.sinks.files!.cursors)).toEqual(['app'])
    expect(running.output).toContain('its slot keeps the log of its database')
    running.kill('SIGTERM')
    expect(await running.exit).toBe(0)
  }, 60_000)

  it('goes on as it was with a file that is wrong, or that only a start can take', async () => {
    await using small = await SmallPipeline.open(server)
    const running = await live(small)
    await reload(small, running, small.yaml().replace('type: sqlite', 'type: sqlit'))
    expect(running.output).toContain('CONFIG_PLUGIN')
    await reload(small, running, small.yaml().replace('path: ./data', 'path: ./elsewhere'))
    expect(running.output).toContain('CONFIG_RELOAD')
    await small.sql("INSERT INTO item VALUES (9, 'nine')")
    await until(async () => (await small.rows()).sink.length === 4, 'the row has arrived')
  }, 60_000)
})
