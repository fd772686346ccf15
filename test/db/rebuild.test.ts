import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type RunningVerb, refusalOf, SmallPipeline } from '../support/small-pipeline.ts'

describe('a sink that is built anew', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const live = (running: RunningVerb): Promise<void> =>
    running.until(({ sinks }) => sinks.copy?.phase === 'live' && sinks.copy.lag.records === 0, 'the sink is live')

  it('is swapped once it has caught up, and goes on; what only the sink had is gone, and comes back with --rollback', async () => {
    await using small = await SmallPipeline.open(server)
    await using running = small.start()
    await live(running)
    small.change("INSERT INTO public_item (id, name) VALUES (99, 'by hand')")
    expect(await small.verb('backfill', '--sink', 'copy', '--verify')).toMatchObject({ code: 0 })
    await small.sql("UPDATE item SET name = 'uno' WHERE id = 1")
    expect((await small.verb('wait')).code).toBe(0)
    const { source, sink } = await small.rows()
    expect(sink).toEqual(source)
    expect(await small.verb('backfill', '--sink', 'copy', '--rollback')).toMatchObject({ code: 0 })
    expect((await small.rows()).sink).toEqual([...source, { id: '99', name: 'by hand' }])
    await small.sql("UPDATE item SET name = 'eins' WHERE id = 1")
    expect((await small.verb('wait')).code).toBe(0)
    expect(await small.sink('SELECT name FROM public_item WHERE id IN (1, 99) ORDER BY id')).toEqual([
      { name: 'eins' },
      { name: 'by hand' },
    ])
  })

  it('says that there is nothing to go back to, and refuses options of a source', async () => {
    await using small = await SmallPipeline.open(server)
    await using running = small.start()
    await live(running)
    const back = await small.verb('backfill', '--sink', 'copy', '--rollback', '--json')
    expect(refusalOf(back)).toMatchObject({ code: 'NO_GENERATION' })
    const strange = await small.verb('backfill', '--sink', 'copy', '--resnapshot', '--json')
    expect(refusalOf(strange)).toMatchObject({ code: 'USAGE' })
    expect((await running.status())?.sinks.copy?.rebuild).toBeNull()
  })

  it('goes on over a kill at every stage, and ends swapped', async () => {
    await using small = await SmallPipeline.open(server)
    await small.sql('INSERT INTO item SELECT n, md5(n::text) FROM generate_series(4, 60000) n')
    {
      await using running = small.start()
      await live(running)
      small.change("INSERT INTO public_item (id, name) VALUES (-1, 'by hand')")
      expect((await small.verb('backfill', '--sink', 'copy', '--detach')).code).toBe(0)
      running.kill('SIGKILL')
      await running.exit
    }
    for (const phase of ['clearing', 'building', 'building', 'swapping']) {
      await using running = small.start()
      await running
        .until(({ sinks }) => sinks.copy?.rebuild === null || sinks.copy?.rebuild.phase === phase, phase)
        .catch(() => {})
      running.kill('SIGKILL')
      await running.exit
    }
    await using running = small.start()
    await running.until(({ sinks }) => sinks.copy?.rebuild === null && sinks.copy.state === 'running', 'it is swapped')
    expect((await small.verb('wait')).code).toBe(0)
    const { source, sink } = await small.rows()
    expect(sink).toEqual(source)
  })

  it('stays paused with its sink, and goes on with a configuration that was changed meanwhile', async () => {
    await using small = await SmallPipeline.open(server)
    await using running = small.start()
    await live(running)
    expect((await small.verb('pause', '--sink', 'copy')).code).toBe(0)
    expect((await small.verb('backfill', '--sink', 'copy', '--detach')).code).toBe(0)
    await running.until(({ sinks }) => sinks.copy?.rebuild?.state === 'paused', 'it is paused')
    small.settings.sinks = ['  onDelete: mark']
    await small.configure()
    running.kill('SIGHUP')
    await running.until(() => running.output.includes('the configuration is in use'), 'it is in use')
    expect((await running.status())?.sinks.copy?.rebuild?.state).toBe('paused')
    expect((await small.verb('resume', '--sink', 'copy')).code).toBe(0)
    await running.until(({ sinks }) => sinks.copy?.rebuild === null && sinks.copy.state === 'running', 'it is swapped')
    await small.sql('DELETE FROM item WHERE id = 1')
    expect((await small.verb('wait')).code).toBe(0)
    expect(await small.sink('SELECT _deleted FROM public_item WHERE id = 1')).toEqual([{ _deleted: 1 }])
  })

  it('never shows fewer rows or an older version to a reader that polls through it, and through a rollback', async () => {
    await using small = await SmallPipeline.open(server)
    await small.sql('ALTER TABLE item ADD COLUMN version int NOT NULL DEFAULT 0')
    await small.sql('INSERT INTO item SELECT n, NULL FROM generate_series(4, 500) n')
    await using running = small.start()
    await live(running)
    const path = join(small.folder, 'copy.db')
    using reader = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
    const query = reader.prepare('SELECT id, version FROM public_item')
    const seen = new Map<number, number>()
    let polls = 0
    const poll = (): void => {
      polls++
      const rows = query.all() as { id: number; version: number }[]
      expect(rows.length).toBe(500)
      for (const { id, version } of rows) {
        expect(version).toBeGreaterThanOrEqual(seen.get(id) ?? 0)
        seen.set(id, version)
      }
    }
    const timer = setInterval(poll, 10)
    let writing = true
    const writes = (async () => {
      while (writing) await small.sql('UPDATE item SET version = version + 1 WHERE id % 7 = (random() * 6)::int')
    })()
    try {
      for (const option of ['--verify', '--rollback', '--rollback', '--verify'])
        expect(await small.verb('backfill', '--sink', 'copy', option)).toMatchObject({ code: 0 })
    } finally {
      writing = false
      await writes
      clearInterval(timer)
    }
    expect((await small.verb('wait')).code).toBe(0)
    poll()
    expect(polls).toBeGreaterThan(50)
    const [row] = await small.sql('SELECT sum(version) AS sum FROM item')
    expect(await small.sink('SELECT CAST(sum(version) AS TEXT) AS sum FROM public_item')).toEqual([row])
  })
})
