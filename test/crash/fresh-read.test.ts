/** A small dose of `npm run test:full -- wait`. */
import { expect, it } from '@jest/globals'
import { startPostgres } from '../support/postgres.ts'
import { runVerb } from '../support/run-verb.ts'
import { BusyPipeline } from './busy-pipeline.ts'
import { FreshReads } from './fresh-read.ts'
import { seedFrom } from './random.ts'

const READS = 60

it('shows what was committed before a wait, and gives up waiting for a paused sink', async () => {
  await using server = await startPostgres()
  await using busy = await BusyPipeline.start(server, { seed: seedFrom([]), rate: 50, filled: 2000 })
  const { pipeline } = busy
  await using reads = new FreshReads(await server.connect(busy.database), pipeline)
  for (let i = 0; i < READS; i++) {
    const row = await reads.commit()
    await reads.waitOverHttp()
    expect(reads.stale(row)).toEqual([])
  }
  expect(reads.connections).toBe(1)

  const config = ['-c', pipeline.site.config]
  expect(await runVerb(['pause', ...config, '--sink', 'rows'])).toMatchObject({ code: 0 })
  const row = await reads.commit()
  expect(await runVerb(['wait', ...config, '--timeout', '1'])).toMatchObject({ code: 4 })
  expect(reads.stale(row)).toEqual([expect.stringMatching(/^rows shows/)])
  expect(await runVerb(['wait', ...config, '--sink', 'files'])).toMatchObject({ code: 0 })
  expect(await runVerb(['resume', ...config, '--sink', 'rows'])).toMatchObject({ code: 0 })
  expect(await runVerb(['wait', ...config])).toMatchObject({ code: 0 })
  expect(reads.stale(row)).toEqual([])
}, 90_000)
