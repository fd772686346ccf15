/** What compaction leaves of a log is enough: for the sinks there are, for new ones, and without the source. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import type { CompactionReport } from '../../runtime/contract.ts'
import { startPostgres } from '../support/postgres.ts'
import { SmallPipeline } from '../support/small-pipeline.ts'
import { until } from '../support/until.ts'

const ROWS = 3000
const ROUNDS = 5

it('a sink is built from a compacted log while the database is stopped, and equals it', async () => {
  await using server = await startPostgres()
  await using small = await SmallPipeline.open(server)
  small.settings.log = ['keepHistory: 0s', 'deleteRetention: 0s', 'segmentBytes: 1MB']
  await small.configure()
  const compact = async (): Promise<CompactionReport> => {
    const { code, out, err } = await small.verb('compact', '--json')
    if (code !== 0) throw new Error(err)
    return (JSON.parse(out) as { sources: { app: CompactionReport } }).sources.app
  }
  await small.sql(`INSERT INTO item SELECT n, md5(n::text) FROM generate_series(10, ${ROWS}) n`)
  const running = small.start()
  await running.until(({ sinks }) => sinks.copy!.phase === 'live', 'it is live')
  for (let round = 0; round < ROUNDS; round++) await small.sql(`UPDATE item SET name = md5(id::text || '${round}')`)
  await small.sql('DELETE FROM item WHERE id % 3 = 0')
  expect(await small.verb('wait')).toMatchObject({ code: 0 })
  const first = await compact()
  expect(first.kept).toBeLessThan(1.1 * ROWS)
  expect(first.scanned).toBeGreaterThan(ROUNDS * ROWS)
  expect(first.bytesAfter).toBeLessThan(first.bytesBefore / 10)
  // The sink goes on from where it is, at offsets that were compacted.
  await small.sql("INSERT INTO item VALUES (5, 'new'); UPDATE item SET name = 'again' WHERE id = 10")
  expect(await small.verb('wait')).toMatchObject({ code: 0 })
  expect(await small.verb('verify', '--sink', 'copy')).toMatchObject({ code: 0 })
  const { source } = await small.rows()
  running.kill('SIGTERM')
  expect(await running.exit).toBe(0)
  // In a process of its own: nobody holds the log.
  await compact()
  expect(await small.verb('compact', '--source', 'other')).toMatchObject({
    code: 2,
    err: expect.stringContaining('UNKNOWN_SOURCE'),
  })
  await server.stop()
  await rm(join(small.folder, 'copy.db'))
  await using alone = small.start()
  let rows: unknown[] = []
  const isBuilt = async (): Promise<boolean> => {
    if ((await alone.status()) === undefined) return false
    rows = await small
      .sink('SELECT CAST(id AS TEXT) AS id, name FROM public_item ORDER BY public_item.id')
      .catch(() => [])
    return rows.length === source.length
  }
  await until(isBuilt, 'the sink is built', 30)
  expect(rows).toEqual(source)
}, 120_000)
