import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { DIFFERENCE, failedWith, resyncs, streams } from '../support/resync-expectations.ts'
import { ResyncRig } from '../support/resync-rig.ts'
import { until } from '../support/until.ts'

const ROWS = 2000

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({ settings: { restore_command: 'false' } })
})
afterAll(() => server[Symbol.asyncDispose]())

/** What was streamed behind the copy is lost by the server. */
async function setBack(prepare: () => Promise<void>): Promise<ResyncRig> {
  const rig = await ResyncRig.open(server, ROWS)
  const copy = `${server.dataDir}.copy`
  await server.stop()
  await promisify(execFile)('cp', ['-a', server.dataDir, copy])
  await server.start()
  await rig.start()
  await rig.differ(DIFFERENCE, 1)
  await server.sql("SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000))")
  await rig.pipeline.wait(undefined, AbortSignal.timeout(60_000))
  await rig.stop()
  await server.stop()
  await rm(server.dataDir, { recursive: true })
  await promisify(execFile)('mv', [copy, server.dataDir])
  await prepare()
  await server.start()
  return rig
}

describe('a source whose server is another one, or has lost what the log holds', () => {
  it('set back to an older copy: the log and the sinks are taken back to it', async () => {
    await using rig = await setBack(() => Promise.resolve())
    expect(await rig.failure()).toEqual(failedWith('SOURCE_BEHIND'))
    await resyncs(rig, server)
    await streams(rig, server)
  })

  it('a failover that lost commits: the same, on the new timeline', async () => {
    await using rig = await setBack(() => writeFile(join(server.dataDir, 'recovery.signal'), ''))
    const isPromoted = async (): Promise<boolean> =>
      (await server.sql('SELECT pg_is_in_recovery() AS busy'))[0]!.busy === 'f'
    await until(isPromoted, 'the server has ended its recovery')
    expect(await rig.failure()).toEqual(failedWith('SOURCE_REWOUND'))
    await resyncs(rig, server)
    await streams(rig, server)
  })

  it('another cluster with a copy of the tables: they go on by name, only what differs is appended', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await using other = await startPostgres()
    await other.createDatabase(rig.database)
    await rig.makeTable(other, 0, 'gone int,')
    await rig.sql('ALTER TABLE item DROP COLUMN gone', other)
    await rig.differ(DIFFERENCE, 1, other)
    await rig.configure(other)
    expect(await rig.failure()).toEqual(failedWith('SOURCE_REPLACED'))
    await resyncs(rig, other)
    await streams(rig, other)
  })
})
