import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { SourceLog } from '../../../runtime/contract.ts'
import { keyTexts } from '../../../runtime/record/key.ts'
import { ItemWriter, newestText, openIndexed } from '../../support/indexed-log.ts'
import { killedChild } from '../../support/killed-child.ts'

const signal = new AbortController().signal
const CHILD = fileURLToPath(new URL('../../support/index-child.ts', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-trail-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** What the log itself says of each key. */
async function scanned(log: SourceLog): Promise<Map<string, string | null>> {
  const newest = new Map<string, string | null>()
  const end = log.end()!
  for await (const batch of log.read('start', () => true, signal)) {
    for (const change of batch) if (change.kind !== 's') newest.set(keyTexts(change.key)[0]!, change.text(1))
    if (log.compare(batch.cursor, end) !== 'before') break
  }
  return newest
}

describe('the index behind its log', () => {
  it.each([...Array.from({ length: 5 }, (_, i) => `index.written:${i + 1}`), 'log.written:9', 'log.synced:9'])(
    'agrees with the log after a kill at %s, without being built anew',
    async point => {
      await killedChild(CHILD, folder, point)
      const said: string[] = []
      await using log = await openIndexed(folder, { said })
      const wanted = await scanned(log)
      expect(wanted.size).toBeGreaterThan(10)
      for (const [key, text] of wanted) expect([key, await newestText(log, key)]).toEqual([key, text])
      expect(said.filter(line => line.includes('is not used'))).toEqual([])
    },
  )

  it('holds appends back while it is too far behind', async () => {
    const trailBytes = 1_000_000
    await using log = await openIndexed(folder, { trailBytes })
    const writer = new ItemWriter(log)
    const rows = Array.from({ length: 200_000 }, (_, i) => [String(i), `row ${i}`] as const)
    await log.append(writer.unit(rows), signal)
    await log.append(writer.unit([['0', 'behind it']]), signal)
    expect((await log.stats()).index!.behindBytes).toBeLessThan(trailBytes + 1000)
    expect(await newestText(log, '0')).toBe('behind it')
    expect((await log.stats()).index!.behindBytes).toBe(0)
  })

  it('says that it is being built, and answers once it is', async () => {
    {
      await using log = await openIndexed(folder, { isIndexed: false })
      const writer = new ItemWriter(log)
      for (let unit = 0; unit < 20; unit++)
        await log.append(writer.unit(Array.from({ length: 2000 }, (_, i) => [String(i), `${unit}`] as const)), signal)
    }
    await using log = await openIndexed(folder)
    const { index } = await log.stats()
    expect(index).toMatchObject({ state: 'building' })
    expect(index!.behindBytes).toBeGreaterThan(1_000_000)
    expect(await newestText(log, '1234')).toBe('19')
    expect((await log.stats()).index).toMatchObject({ state: 'following', behindBytes: 0 })
  })

  it('notices a record that is not the one it indexed; built anew, it finds the damage in the log', async () => {
    await using log = await openIndexed(folder)
    await log.append(new ItemWriter(log).unit([['1', 'precious']]), signal)
    expect(await newestText(log, '1')).toBe('precious')
    const name = (await readdir(folder)).find(file => file.endsWith('.log'))!
    const file = await open(join(folder, name), 'r+')
    const bytes = await file.readFile()
    await file.write('q', bytes.indexOf('precious'))
    await file.close()
    await expect(newestText(log, '1')).rejects.toMatchObject({ code: 'LOG_INDEX', recovery: 'retry' })
    await expect(log.append(new ItemWriter(log).unit([]), signal)).rejects.toMatchObject({ code: 'LOG_INDEX' })
    await log.resume()
    await expect(newestText(log, '1')).rejects.toMatchObject({ code: 'LOG_DAMAGED' })
  })

  it('is built anew after a failure of its own, and answers again', async () => {
    await using log = await openIndexed(folder)
    const writer = new ItemWriter(log)
    await log.append(writer.unit([['1', 'one']]), signal)
    expect(await newestText(log, '1')).toBe('one')
    // What stands in the segment is not what LevelDB says.
    const segment = join(folder, (await readdir(folder)).find(file => file.endsWith('.log'))!)
    const whole = await readFile(segment)
    await writeFile(segment, Buffer.alloc(whole.length, 'x'))
    await expect(newestText(log, '1')).rejects.toMatchObject({ code: 'LOG_INDEX' })
    await writeFile(segment, whole)
    await log.resume()
    expect(await newestText(log, '1')).toBe('one')
    await log.append(writer.unit([['1', 'two']]), signal)
    expect(await newestText(log, '1')).toBe('two')
  })
})
