/** Rows that a real target refuses, through the command line. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { PipelineStatus, QuarantinedRow, RetryReport } from '../../runtime/status.ts'
import { queryFile } from '../support/duckdb-client.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { refusalOf, SmallPipeline } from '../support/small-pipeline.ts'

/** DuckDB has no place for it. */
const FAR = '294276-12-31 23:59:59'

describe('rows that DuckDB refuses', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  async function open(more: readonly string[] = []): Promise<SmallPipeline> {
    const small = await SmallPipeline.open(server)
    await small.sql('CREATE TABLE event (id int PRIMARY KEY, at timestamp, note text)')
    await small.sql(
      `INSERT INTO event VALUES (1, '2026-01-01', 'a'), (2, '${FAR}', 'zaunkoenig'), (3, '2026-01-03', 'c')`,
    )
    small.settings.tables = ['public.event']
    small.settings.sinks = ['far:', '  type: duckdb', '  path: ./far.duckdb', ...more.map(line => `  ${line}`)]
    await small.configure()
    return small
  }

  const listed = async (small: SmallPipeline): Promise<QuarantinedRow[]> =>
    (JSON.parse((await small.verb('quarantine', 'list', '--sink', 'far', '--json')).out) as { rows: QuarantinedRow[] })
      .rows

  const statusOf = async (small: SmallPipeline): Promise<PipelineStatus> =>
    JSON.parse((await small.verb('status', '--json')).out) as PipelineStatus

  /** With the sink at rest: one process may open the file. */
  const idsIn = async (small: SmallPipeline): Promise<unknown[]> =>
    (await queryFile(join(small.folder, 'far.duckdb'), 'SELECT id FROM public.event ORDER BY id')).map(({ id }) => id)

  it('are set aside and told of, over a restart too, and come by themselves with a change that fits', async () => {
    await using small = await open()
    {
      await using running = small.start()
      await running.until(({ sinks }) => sinks.far?.phase === 'live', 'it is live')
      expect((await small.verb('wait')).code).toBe(0)
      expect(await listed(small)).toMatchObject([{ table: 'app.public.event', key: '2', reason: expect.any(String) }])
    }
    await using running = small.start()
    await running.until(({ sinks }) => sinks.far?.phase === 'live', 'it is live again')
    const status = await statusOf(small)
    expect([status.health, status.sinks.far!.quarantined, status.sinks.copy!.quarantined]).toEqual(['red', 1, 0])
    expect(status.reasons).toEqual(['sink far lacks 1 rows that its target refused'])
    const text = await small.verb('quarantine', 'list', '--sink', 'far')
    expect(text.out).toContain('app.public.event')
    expect(text.out).not.toContain('zaunkoenig')
    const files = (await readdir(join(small.folder, 'data'))).filter(name => name.startsWith('quarantine-'))
    expect(files).toEqual(['quarantine-far.json'])
    expect(await readFile(join(small.folder, 'data', files[0]!), 'utf8')).not.toContain('zaunkoenig')
    expect(await small.verb('quarantine', 'retry', '--sink', 'far', '--json')).toMatchObject({ code: 4 })
    expect((await listed(small)).length).toBe(1)
    await small.sql("UPDATE event SET at = '2026-01-02' WHERE id = 2")
    expect((await small.verb('wait')).code).toBe(0)
    expect(await listed(small)).toEqual([])
    expect((await statusOf(small)).health).toBe('green')
    expect((await small.verb('pause', '--sink', 'far')).code).toBe(0)
    expect(await idsIn(small)).toEqual([1, 2, 3])
  })

  it('are refused once more where nothing was mended, can be dropped, and go with their row', async () => {
    await using small = await open()
    await small.sql(`INSERT INTO event VALUES (4, '${FAR}', 'd')`)
    await using running = small.start()
    await running.until(({ sinks }) => sinks.far?.phase === 'live', 'it is live')
    expect((await small.verb('wait')).code).toBe(0)
    expect((await listed(small)).map(({ key }) => key)).toEqual(['2', '4'])
    expect((await small.verb('quarantine', 'drop', '--sink', 'far')).code).toBe(2)
    expect((await small.verb('quarantine', 'drop', '--sink', 'far', '--key', '4', '--yes')).code).toBe(0)
    expect((await listed(small)).map(({ key }) => key)).toEqual(['2'])
    const retry = await small.verb('quarantine', 'retry', '--sink', 'far', '--key', '2', '--json')
    expect(JSON.parse(retry.out) as RetryReport).toMatchObject({ written: 0, refused: 1, left: 0 })
    expect(refusalOf(await small.verb('quarantine', 'list', '--sink', 'nobody', '--json'))?.code).toBe('UNKNOWN_SINK')
    expect(refusalOf(await small.verb('quarantine', 'mend', '--sink', 'far', '--json'))?.code).toBe('USAGE')
    await small.sql('DELETE FROM event WHERE id = 2')
    expect((await small.verb('wait')).code).toBe(0)
    expect(await listed(small)).toEqual([])
  })

  it('stop the sink where it is told so, and beyond the most that may be set aside', async () => {
    for (const more of [['onReject: stop'], ['maxQuarantined: 0']]) {
      await using small = await open(more)
      await using running = small.start()
      await running.until(({ sinks }) => sinks.far?.state === 'failed', 'it has failed')
      const { far, copy } = (await statusOf(small)).sinks
      expect([far!.error?.code, far!.quarantined, copy!.state]).toEqual(['SINK_REJECTED', 0, 'running'])
    }
  })
})
