import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { readProcessFile, removeProcessFile, writeProcessFile } from '../../../runtime/cli/process-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-process-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('the file of a running process', () => {
  const mine = { pid: process.pid, url: 'http://127.0.0.1:1', token: 'a secret' }

  it('can be read by its owner only, and leads to the process', async () => {
    await writeProcessFile(folder, mine)
    expect((await stat(join(folder, 'tailrace.json'))).mode & 0o777).toBe(0o600)
    expect(await readProcessFile(folder)).toEqual(mine)
    expect(await readdir(folder)).toEqual(['tailrace.json'])
  })

  it('is gone when its process has removed it', async () => {
    await writeProcessFile(folder, mine)
    await removeProcessFile(folder, process.pid)
    expect(await readdir(folder)).toEqual([])
    expect(await readProcessFile(folder)).toBeUndefined()
  })

  it('is not removed by another process', async () => {
    await writeProcessFile(folder, mine)
    await removeProcessFile(folder, process.pid + 1)
    expect(await readProcessFile(folder)).toEqual(mine)
  })

  it('counts for nothing when a crash left it', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await once(child, 'exit')
    await writeProcessFile(folder, { ...mine, pid: child.pid! })
    expect(await readProcessFile(folder)).toBeUndefined()
    await writeProcessFile(folder, mine)
    expect(await readProcessFile(folder)).toEqual(mine)
  })

  it('counts for nothing when it is torn', async () => {
    await writeFile(join(folder, 'tailrace.json'), '{"pid": 12')
    expect(await readProcessFile(folder)).toBeUndefined()
  })
})
