/** A table of a real database, its log compacted, the database stopped, and a sink built from what is left. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CompactionReport } from '../../runtime/contract.ts'
import { startPostgres } from './postgres.ts'
import type { Figures } from './run-full.ts'
import { SmallPipeline } from './small-pipeline.ts'
import { until } from './until.ts'

export interface CompactedDose {
  readonly rows: number
  /** Statements that change every row. */
  readonly rounds: number
  /** Of a segment of the log, as the configuration writes it. */
  readonly segment: string
  readonly seconds: number
}

const BY_ID = 'SELECT CAST(id AS TEXT) AS id, name FROM public_item ORDER BY public_item.id'

/** Answers how the compacted log compares to one into which the table was just loaded. */
export async function compactedSource({ rows, rounds, segment, seconds }: CompactedDose): Promise<Figures> {
  await using server = await startPostgres()
  await using small = await SmallPipeline.open(server)
  small.settings.log = ['keepHistory: 0s', 'deleteRetention: 0s', `segmentBytes: ${segment}`]
  await small.configure()
  const wait = async (): Promise<void> => {
    const { code, err } = await small.verb('wait', '--timeout', String(seconds))
    assert.equal(code, 0, err)
  }
  const compact = async (): Promise<CompactionReport> => {
    const { code, out, err } = await small.verb('compact', '--json')
    assert.equal(code, 0, err)
    return (JSON.parse(out) as { sources: { app: CompactionReport } }).sources.app
  }
  await small.sql(`INSERT INTO item SELECT n, md5(n::text) FROM generate_series(10, ${rows}) n`)
  const running = small.start()
  await running.until(({ sinks }) => sinks.copy!.phase === 'live', 'it is live', seconds)
  for (let round = 0; round < rounds; round++) await small.sql(`UPDATE item SET name = md5(id::text || '${round}')`)
  await small.sql('DELETE FROM item WHERE id % 3 = 0')
  await wait()
  const first = await compact()
  assert.ok(first.scanned > rounds * rows)
  assert.ok(first.kept < 1.1 * rows)
  // The sink goes on from where it is, at offsets that were compacted.
  await small.sql("INSERT INTO item VALUES (5, 'new'); UPDATE item SET name = 'again' WHERE id = 10")
  await wait()
  assert.equal((await small.verb('verify', '--sink', 'copy')).code, 0)
  const { source } = await small.rows()
  running.kill('SIGTERM')
  assert.equal(await running.exit, 0)
  // In a process of its own: nobody holds the log.
  await compact()
  const left = await logBytes(small)
  const loaded = await loadedBytes(small, seconds)
  await server.stop()
  await rm(join(small.folder, 'copy.db'))
  await using alone = small.start()
  let found: unknown[] = []
  await until(
    async () => {
      if ((await alone.status()) === undefined) return false
      found = await small.sink(BY_ID).catch(() => [])
      return found.length === source.length
    },
    'the sink is built',
    seconds,
  )
  assert.ok(JSON.stringify(found) === JSON.stringify(source), 'the sink differs from the source')
  const { scanned, kept } = first
  return { changes: scanned, kept, 'compacted, bytes': left, 'just loaded, bytes': loaded, ratio: left / loaded }
}

async function logBytes(small: SmallPipeline): Promise<number> {
  const { out } = await small.verb('status', '--json')
  return (JSON.parse(out) as { sources: { app: { log: { bytes: number } } } }).sources.app.log.bytes
}

/** Of a log of its own into which the same table is loaded as it is now. */
async function loadedBytes(small: SmallPipeline, seconds: number): Promise<number> {
  await using fresh = await small.beside()
  const running = fresh.start()
  await running.until(({ sinks }) => sinks.copy!.phase === 'live', 'it is loaded', seconds)
  running.kill('SIGTERM')
  await running.exit
  const bytes = await logBytes(fresh)
  assert.equal((await fresh.verb('remove', '--source', 'app', '--yes')).code, 0)
  return bytes
}
