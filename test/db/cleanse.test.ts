import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { pipelineFilesWith } from '../support/folder-bytes.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { SmallPipeline } from '../support/small-pipeline.ts'

const CANARIES = ['canary-secret', 'canary-mail', 'canary-deleted']

describe('a column that is masked or excluded later', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it('is in no file of the log and of the sinks any more, and the rest goes on', async () => {
    await using small = await SmallPipeline.open(server)
    await small.sql('ALTER TABLE item ADD COLUMN secret text, ADD COLUMN mail text')
    await small.sql("UPDATE item SET secret = 'canary-secret ' || id, mail = 'canary-mail ' || id")
    await small.sql("INSERT INTO item VALUES (4, 'four', 'canary-deleted', 'canary-deleted')")
    small.settings.sinks = [
      ...['files:', '  type: jsonl', '  path: ./files', '  mode: state'],
      ...['warehouse:', '  type: duckdb', '  path: ./warehouse.duckdb'],
    ]
    await small.configure()
    {
      await using running = small.start()
      await running.until(({ sinks }) => Object.values(sinks).every(({ phase }) => phase === 'live'), 'it is live')
      await small.sql("UPDATE item SET name = 'uno' WHERE id = 1")
      await small.sql('DELETE FROM item WHERE id = 4')
      expect((await small.verb('wait')).code).toBe(0)
      running.kill('SIGTERM')
      await running.exit
    }
    expect((await pipelineFilesWith(small.folder, CANARIES)).length).toBeGreaterThan(3)
    small.settings.source = ['columns:', '  exclude: [public.item.secret]', '  mask:', '    public.item.mail: redact']
    await small.configure()
    await using running = small.start()
    await running.until(
      ({ sources }) =>
        sources.app?.phase === 'streaming' && sources.app.tables.every(({ state }) => state === 'streaming'),
      'it streams',
    )
    await running.until(
      status => running.output.includes('nothing is left') && status.sources.app?.cleansing.length === 0,
      'it is cleansed',
    )
    await small.sql("UPDATE item SET secret = 'canary-secret again' WHERE id = 2")
    expect((await small.verb('wait')).code).toBe(0)
    expect(await small.sink('SELECT id, name, mail FROM public_item ORDER BY id')).toEqual([
      { id: 1, name: 'uno', mail: '***' },
      { id: 2, name: null, mail: '***' },
      { id: 3, name: 'three', mail: '***' },
    ])
    // Its files are compressed.
    const changes = (await small.verb('changes', '--json')).out
    for (const canary of CANARIES) expect(changes).not.toContain(canary)
    running.kill('SIGTERM')
    await running.exit
    expect(await pipelineFilesWith(small.folder, CANARIES)).toEqual([])
    // Once is enough.
    await using again = small.start()
    await again.until(({ sources }) => sources.app?.state === 'running', 'it runs again')
    expect((await small.verb('wait')).code).toBe(0)
    expect(again.output).not.toContain('nothing is left')
  })
})
