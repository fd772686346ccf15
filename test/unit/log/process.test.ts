import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Position, SourceLog } from '../../../runtime/contract.ts'
import { refuseNetworkFileSystem } from '../../../runtime/log/embedded/lock.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { contents, lastUnit, never, silent } from '../../support/log-life.ts'
import { LogProcess } from '../../support/log-process.ts'
import { until } from '../../support/until.ts'

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'tailrace-log-')), 'app')
})
afterEach(() => rm(join(folder, '..'), { recursive: true }))

const context = () => ({ pipeline: 'test', name: 'app', logger: silent, folder })
const config = embedded.config.parse({ path: '.' })
const open = (): Promise<SourceLog> => embedded.open(config, context())

describe('a log and its processes', () => {
  it('has one owner, and is free at once when that one is killed', async () => {
    await using owner = new LogProcess(folder, 3)
    await owner.said('end')
    await expect(open()).rejects.toMatchObject({
      code: 'LOG_LOCKED',
      recovery: 'stop',
      hint: expect.stringContaining('Stop it'),
    })
    await owner.kill()
    await using log = await open()
    expect(await lastUnit(log)).toBe(3)
  })

  it('has one owner within a process, too', async () => {
    const log = await open()
    await expect(open()).rejects.toMatchObject({ code: 'LOG_LOCKED' })
    await expect(open()).rejects.toMatchObject({ code: 'LOG_LOCKED' })
    await log[Symbol.asyncDispose]()
    await using again = await open()
    expect(again.id).toBe(log.id)
  })

  it('is refused on a network file system', () => {
    expect(() => refuseNetworkFileSystem('/mnt/share', 0x6969)).toThrow(
      expect.objectContaining({ code: 'LOG_FILESYSTEM', recovery: 'stop' }),
    )
    expect(() => refuseNetworkFileSystem('/mnt/share', 0xff534d42 | 0)).toThrow(/CIFS/)
    expect(() => refuseNetworkFileSystem('/data', 0xef53)).not.toThrow()
  })

  it('says so when its directory cannot be made or written to', async () => {
    await writeFile(folder, 'in the way')
    await expect(open()).rejects.toMatchObject({ code: 'LOG_PATH', hint: expect.stringContaining('log.path') })
    await rm(folder)
    await mkdir(join(folder, 'lock'), { recursive: true })
    await expect(open()).rejects.toMatchObject({ code: 'LOG_PATH' })
  })

  it('is for its user alone', async () => {
    await using owner = new LogProcess(folder, 20)
    await owner.said('end')
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    for (const entry of await readdir(folder, { withFileTypes: true }))
      expect([entry.name, (await stat(join(folder, entry.name))).mode & 0o777]).toEqual([
        entry.name,
        entry.isDirectory() ? 0o700 : 0o600,
      ])
  })

  it.each(['log.written:3', 'log.synced:3', 'log.rolled:2'])(
    'loses nothing acknowledged when the process ends at %s',
    async crash => {
      await using owner = new LogProcess(folder, 60, crash)
      await owner.exited()
      expect(owner.signal).toBe('SIGKILL')
      await using log = await open()
      const unit = await lastUnit(log)
      expect([owner.acknowledged, owner.acknowledged + 1]).toContain(unit)
      if (crash.startsWith('log.synced')) expect(unit).toBe(owner.acknowledged + 1)
      await contents(log)
    },
  )
})

describe('a crash while the log is being closed', () => {
  it('loses nothing', async () => {
    await using owner = new LogProcess(folder, 5, 'log.checkpoint:1')
    await owner.said('end')
    owner.finish()
    await owner.exited()
    expect(owner.signal).toBe('SIGKILL')
    await using log = await open()
    expect(await lastUnit(log)).toBe(5)
    await contents(log)
  })
})

describe('reading beside the owner', () => {
  const inspect = (): Promise<SourceLog> => embedded.inspect!(config, context())

  it('finds a log that is not there to be missing', async () => {
    await expect(inspect()).rejects.toMatchObject({ code: 'LOG_MISSING' })
  })

  it('follows what the owner makes durable, and goes on with its next session', async () => {
    await using first = new LogProcess(folder, 30)
    await first.said('open')
    await using log = await inspect()
    const seen: string[] = []
    const stop = new AbortController()
    const reading = (async () => {
      for await (const batch of log.read('start', () => true, stop.signal))
        for (const change of batch) if (change.kind === 'c') seen.push(`${change.text(0)} ${change.text(3)}`)
    })()
    await first.said('end')
    await first.kill()
    await using second = new LogProcess(folder, 60)
    await second.said('end')
    await log.reached('60' as Position, (a, b) => Number(a) >= Number(b), AbortSignal.timeout(10_000))
    const { rows } = await contents(log)
    await until(() => seen.length >= rows.length, 'the reader has seen all rows')
    expect(seen).toEqual(rows)
    stop.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })

  it('never goes beyond what was said to be durable', async () => {
    await using owner = new LogProcess(folder, 30, 'log.written:9')
    await owner.exited()
    const log = await inspect()
    const unit = await lastUnit(log)
    // The mark is written behind the acknowledgement and may be one unit late.
    expect([owner.acknowledged - 1, owner.acknowledged]).toContain(unit)
    await contents(log)
    await log[Symbol.asyncDispose]()
    await using opened = await open()
    expect(await lastUnit(opened)).toBeGreaterThanOrEqual(owner.acknowledged)
  })

  it('writes nothing', async () => {
    await using owner = new LogProcess(folder, 5)
    await owner.said('end')
    await using log = await inspect()
    const readOnly = { code: 'LOG_READ_ONLY' }
    await expect(log.append(undefined as never, never)).rejects.toMatchObject(readOnly)
    await expect(log.readers.register('x')).rejects.toMatchObject(readOnly)
    await expect(log.readers.save('x', log.end()!)).rejects.toMatchObject(readOnly)
    await expect(log.readers.remove('x')).rejects.toMatchObject(readOnly)
    expect(await log.readers.list()).toEqual([])
  })
})
