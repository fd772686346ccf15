/** What goes away while the pipeline runs, or does not suffice: it waits and says why, loses nothing, and goes on by itself. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { PipelineStatus } from '../../runtime/status.ts'
import { DRAIN_MS } from '../../runtime/supervisor.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { itIf } from '../support/skip.ts'
import { type RunningVerb, SmallPipeline } from '../support/small-pipeline.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

afterAll(() => server?.[Symbol.asyncDispose]())

/** Some megabytes of rows, in transactions of 200. */
async function write(small: SmallPipeline, transactions: number): Promise<void> {
  for (let i = 0; i < transactions; i++)
    await small.sql(
      `INSERT INTO item SELECT n, repeat(md5(n::text), 32) FROM generate_series(${(i + 1) * 1000}, ${(i + 1) * 1000 + 199}) n`,
    )
}

function waitsWith(code: string): (status: PipelineStatus) => boolean {
  return ({ sources }) => sources.app!.state === 'waiting' && sources.app!.error?.code === code
}

async function expectApplied(small: SmallPipeline, running: RunningVerb): Promise<void> {
  const said = await small.verb('wait', '--timeout', '60')
  if (said.code !== 0) throw new Error(`${said.err}\n${running.output}`)
  const { source, sink } = await small.rows()
  expect(sink).toEqual(source)
}

it('a server that is down is waited for', async () => {
  await using own = await startPostgres()
  await using small = await SmallPipeline.open(own)
  await own.stop()
  const running = small.start()
  await running.until(waitsWith('SOURCE_UNREACHABLE'), 'it waits for the server')
  const status = await running.status()
  expect(status?.sources.app?.error?.hint).toMatch(/server up/)
  expect(status?.health).toBe('yellow')
  await own.start()
  await expectApplied(small, running)
  await own.restart('immediate')
  await small.sql("INSERT INTO item VALUES (4, 'four')")
  await expectApplied(small, running)
}, 90_000)

it('a log at its maxBytes waits, and goes on where there is more room', async () => {
  await using small = await SmallPipeline.open(server)
  small.settings.log.push('maxBytes: 1MB')
  await small.configure()
  const running = small.start()
  await running.until(({ sources }) => sources.app!.phase === 'streaming', 'it streams')
  await write(small, 20)
  await running.until(waitsWith('LOG_FULL'), 'the log is full')
  const status = await running.status()
  expect(status?.sources.app?.error?.hint).toMatch(/maxBytes/)
  expect(status?.sources.app?.log.bytes).toBeLessThanOrEqual(1024 * 1024)
  expect(await small.verb('wait', '--timeout', '1')).toMatchObject({ code: 4 })
  const asked = performance.now()
  running.kill('SIGTERM')
  expect(await running.exit).toBe(0)
  expect(performance.now() - asked).toBeLessThan(DRAIN_MS)

  small.settings.log = ['maxBytes: 64MB']
  await small.configure()
  await expectApplied(small, await started(small))
}, 90_000)

it('a sink that is down falls behind alone, says so, and catches up', async () => {
  await using small = await SmallPipeline.open(server)
  const running = await started(small)
  await expectApplied(small, running)
  const holder = new DatabaseSync(join(small.folder, 'copy.db'))
  holder.exec('BEGIN EXCLUSIVE')
  await small.sql("INSERT INTO item VALUES (4, 'four')")
  await running.until(
    ({ sinks }) => sinks.copy!.state === 'waiting' && sinks.copy!.error?.code === 'TARGET_BUSY',
    'the sink waits',
  )
  await small.sql("INSERT INTO item VALUES (5, 'five')")
  await running.until(({ sinks }) => (sinks.copy!.lag.records ?? 0) >= 2, 'its lag grows')
  const status = await running.status()
  expect(status?.sources.app?.state).toBe('running')
  expect(status?.sinks.copy?.error?.hint).toMatch(/goes on by itself/)
  holder.close()
  await expectApplied(small, running)
}, 90_000)

const DISK = mkdtempSync(join(tmpdir(), 'tailrace-disk-'))
const canMount = mount()

/** A disk of 8 MB. */
function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', DISK], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

afterAll(() => {
  if (canMount) execFileSync('umount', ['--lazy', DISK])
  rmSync(DISK, { recursive: true, force: true })
})

itIf(canMount, 'mounting a small file system needs root')(
  'a full disk under the log is waited out, and nothing is lost',
  async () => {
    await using small = await SmallPipeline.open(server)
    small.settings.path = join(DISK, 'log')
    await mkdir(small.settings.path)
    await small.configure()
    const running = await started(small)
    await expectApplied(small, running)
    const ballast = join(DISK, 'ballast')
    writeFileSync(ballast, Buffer.alloc(6 * 1024 * 1024))
    await write(small, 20)
    await running.until(waitsWith('LOG_DISK_FULL'), 'the disk is full')
    expect((await running.status())?.sources.app?.error?.hint).toMatch(/\S/)
    rmSync(ballast)
    await expectApplied(small, running)
    running.kill('SIGTERM')
    expect(await running.exit).toBe(0)
  },
  90_000,
)

async function started(small: SmallPipeline): Promise<RunningVerb> {
  const running = small.start()
  await running.until(({ sources }) => sources.app!.state === 'running', 'it runs')
  return running
}
