import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { PipelineStatus } from '../../../runtime/status.ts'
import { until } from '../../support/until.ts'

const MAIN = new URL('../../../runtime/cli/main.ts', import.meta.url).pathname

const CONFIG = `pipeline: verbs
log:
  path: ./data
sources:
  gen:
    type: generate
    rows: 500
    rate: 200
sinks:
  files:
    type: jsonl
    path: ./out
http:
  listen: 127.0.0.1:0
`

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

let folder: string
let running: ChildProcess | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-verbs-'))
  await writeFile(join(folder, 'tailrace.yaml'), CONFIG)
})
afterAll(async () => {
  running?.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

function start(...words: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function end(child: ChildProcess): Promise<Ended> {
  let out = ''
  let err = ''
  child.stdout!.on('data', part => {
    out += part
  })
  child.stderr!.on('data', part => {
    err += part
  })
  const [status] = await once(child, 'close')
  return { status, out, err }
}

const tailrace = (...words: string[]): Promise<Ended> => end(start(...words))

async function isFound(): Promise<boolean> {
  const files = await readdir(join(folder, 'data')).catch((): string[] => [])
  return files.includes('tailrace.json')
}

describe('without a running process', () => {
  it.each([
    [['wait'], 3, 'NOT_RUNNING'],
    [['pause', '--sink', 'files'], 3, 'NOT_RUNNING'],
    [['pause'], 2, 'USAGE'],
    [['nonsense'], 2, 'USAGE'],
    [['status', '--nonsense'], 2, 'USAGE'],
    [['wait', '--timeout', 'soon'], 2, 'USAGE'],
    [['check', '-c', 'none.yaml'], 2, 'CONFIG_MISSING'],
    [['remove', '--sink', 'files'], 2, 'NOT_CONFIRMED'],
    [['remove', '--sink', 'nobody', '--yes'], 2, 'UNKNOWN_SINK'],
    [['changes', '--since', 'yesterday'], 2, 'USAGE'],
    [['init', 'nonsense'], 2, 'USAGE'],
  ])('%j exits %i with %s and a hint', async (words, status, code) => {
    const ended = await tailrace(...words)
    expect(ended).toMatchObject({ status, out: '' })
    expect(ended.err).toMatch(new RegExp(`^${code}  .+\\n  hint  .+`))
  })

  it('status and tables still report, and exit 0', async () => {
    const status = await tailrace('status', '--json')
    expect(status.status).toBe(0)
    expect(JSON.parse(status.out)).toMatchObject({ health: 'red', sources: { gen: { state: 'stopped', error: null } } })
    expect(await tailrace('tables', '--json')).toMatchObject({ status: 0, out: '{"tables":[]}\n' })
  })

  it('check says that all is well', async () => {
    const ended = await tailrace('check', '--json')
    expect(ended.status).toBe(0)
    expect(JSON.parse(ended.out)).toMatchObject({ pipeline: 'verbs', ready: true })
  })
})

describe('beside a running process', () => {
  let whole: Promise<Ended>

  beforeAll(async () => {
    running = start('run')
    whole = end(running)
    await until(isFound, 'the process can be found')
    expect((await tailrace('wait')).status).toBe(0)
  })

  it('status, tables and changes ask it', async () => {
    const status = JSON.parse((await tailrace('status', '--json')).out)
    expect(status).toMatchObject({ pipeline: 'verbs', health: 'green', sources: { gen: { state: 'running' } } })
    expect(JSON.parse((await tailrace('tables', '--json')).out).tables).toHaveLength(1)
    const lines = (await tailrace('changes', '--key', '7')).out.trim().split('\n')
    expect(JSON.parse(lines[0]!)).toMatchObject({ key: { id: 7 }, value: { op: 'r', source: { name: 'gen' } } })
  })

  it('a second run and remove are refused', async () => {
    expect(await tailrace('run')).toMatchObject({ status: 3, err: expect.stringMatching(/^LOG_LOCKED/) })
    expect(await tailrace('remove', '--source', 'gen', '--yes')).toMatchObject({
      status: 3,
      err: expect.stringMatching(/^STILL_RUNNING/),
    })
  })

  it('wait exits 4 while its sink is paused, and 0 when it is resumed', async () => {
    expect((await tailrace('pause', '--sink', 'files')).status).toBe(0)
    // The next transaction may come half a second later.
    await until(async () => {
      const { sinks } = JSON.parse((await tailrace('status', '--json')).out) as PipelineStatus
      return (sinks.files!.lag.records ?? 0) > 0
    }, 'there is something to wait for')
    expect(await tailrace('wait', '--timeout', '0.5', '--sink', 'files')).toMatchObject({
      status: 4,
      err: expect.stringMatching(/^WAIT_TIMEOUT/),
    })
    expect((await tailrace('resume', '--sink', 'files')).status).toBe(0)
    expect((await tailrace('wait', '--sink', 'files')).status).toBe(0)
  })

  it('SIGTERM drains it, exit 0, and its file is gone', async () => {
    running!.kill('SIGTERM')
    const { status, err } = await whole
    expect({ status, err }).toMatchObject({ status: 0, err: expect.stringContaining('started') })
    expect(await isFound()).toBe(false)
  })
})

describe('after it', () => {
  it('changes are read from the log alone', async () => {
    const lines = (await tailrace('changes')).out.trim().split('\n')
    expect(lines.length).toBeGreaterThan(500)
    const { cursor } = JSON.parse(lines.at(-2)!)
    expect((await tailrace('changes', '--from', cursor)).out).toBe(`${lines.at(-1)}\n`)
  })

  it('run --until-caught-up goes on where it stood, and ends when the sink has it all', async () => {
    const before = (await tailrace('changes')).out.trim().split('\n').length
    expect((await tailrace('run', '--until-caught-up')).status).toBe(0)
    const [table] = (await readdir(join(folder, 'out'))).filter(name => !name.startsWith('_'))
    const lines = (await readFile(join(folder, 'out', table!, '00000001.jsonl'), 'utf8')).trim().split('\n')
    expect(lines.length).toBeGreaterThanOrEqual(before)
  })

  it('a run that was killed is followed by one that works', async () => {
    running = start('run')
    running.stdout!.resume()
    running.stderr!.resume()
    await until(isFound, 'the process can be found')
    running.kill('SIGKILL')
    await once(running, 'close')
    expect(await isFound()).toBe(true)
    expect((await tailrace('wait')).status).toBe(3)
    expect((await tailrace('run', '--until-caught-up')).status).toBe(0)
  })

  it('remove leaves nothing of the source', async () => {
    expect((await tailrace('remove', '--source', 'gen', '--yes')).status).toBe(0)
    expect(await readdir(join(folder, 'data'))).not.toContain('gen')
  })
})
