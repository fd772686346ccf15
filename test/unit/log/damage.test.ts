import { describe, expect, it } from '@jest/globals'
import type { SourceLog } from '../../../runtime/contract.ts'
import { segmentFirst } from '../../../runtime/log/embedded/segment.ts'
import { Random } from '../../crash/random.ts'
import { contents, FOLDER, never, open, UnitSource } from '../../support/log-life.ts'
import { SimulatedFs } from '../../support/simulated-fs.ts'

type Files = ReadonlyMap<string, Buffer>

/** The files of a log of a few units in at least three segments, and what it holds. */
async function written(): Promise<{ files: Files; rows: readonly string[]; segments: readonly string[] }> {
  const fs = new SimulatedFs(new Random(1))
  await using log = await open(fs, { segmentBytes: 400 })
  const source = new UnitSource(new Random(2), 0, 0)
  for (let i = 0; i < 5; i++) for (const batch of source.next()) await log.append(batch, never)
  const { rows } = await contents(log)
  await log.readers.register('search')
  await log.readers.save('search', log.end()!)
  await log[Symbol.asyncDispose]()
  const files = fs.files()
  const segments = [...files.keys()].filter(path => segmentFirst(path.slice(FOLDER.length + 1)) !== undefined).sort()
  expect(segments.length).toBeGreaterThanOrEqual(3)
  return { files, rows, segments }
}

function without(files: Files, ...names: string[]): Map<string, Buffer> {
  return new Map([...files].filter(([path]) => !names.includes(path.slice(FOLDER.length + 1))))
}

function flipped(content: Buffer, at: number): Buffer {
  const copy = Buffer.from(content)
  copy[at]! ^= 1 << (at % 8)
  return copy
}

/** The rows of the log on this disk, or the code of the error that stopped it. */
async function outcome(files: Files): Promise<readonly string[] | string> {
  const fs = SimulatedFs.holding(new Random(3), files)
  let log: SourceLog | undefined
  try {
    log = await open(fs, { segmentBytes: 400 })
    return (await contents(log)).rows
  } catch (error) {
    return (error as { code: string }).code ?? String(error)
  }
}

/** What remains when the newest units are taken off. */
function isPrefix(rows: readonly string[] | string, of: readonly string[]): boolean {
  return typeof rows !== 'string' && rows.every((row, i) => row === of[i])
}

describe('damage to the log', () => {
  it('is found at every byte of a closed segment', async () => {
    const { files, segments } = await written()
    const path = segments[1]!
    const content = files.get(path)!
    for (let at = 0; at < content.length; at++) {
      const damaged = new Map(files).set(path, flipped(content, at))
      expect([at, await outcome(damaged)]).toEqual([at, 'LOG_DAMAGED'])
      expect([at, await outcome(without(damaged, 'checkpoint', 'durable'))]).toEqual([at, 'LOG_DAMAGED'])
    }
  })

  it('is found at every byte of the last segment as long as the mark or the checkpoint is there', async () => {
    const { files, rows, segments } = await written()
    const path = segments.at(-1)!
    const content = files.get(path)!
    for (let at = 0; at < content.length; at++) {
      const damaged = new Map(files).set(path, flipped(content, at))
      expect([at, await outcome(damaged)]).toEqual([at, 'LOG_DAMAGED'])
      expect([at, await outcome(without(damaged, 'checkpoint'))]).toEqual([at, 'LOG_DAMAGED'])
      const left = await outcome(without(damaged, 'checkpoint', 'durable'))
      expect([at, left === 'LOG_DAMAGED' || isPrefix(left, rows)]).toEqual([at, true])
    }
  })

  it('is found whatever a segment is cut to, and a torn tail is cut where nothing says it was durable', async () => {
    const { files, rows, segments } = await written()
    for (const path of [segments[1]!, segments.at(-1)!]) {
      const content = files.get(path)!
      for (let length = 0; length < content.length; length++) {
        const cut = new Map(files).set(path, content.subarray(0, length))
        expect([length, await outcome(cut)]).toEqual([length, 'LOG_DAMAGED'])
        const left = await outcome(without(cut, 'checkpoint', 'durable'))
        if (path === segments.at(-1)) expect([length, isPrefix(left, rows)]).toEqual([length, true])
        else expect([length, left]).toEqual([length, 'LOG_DAMAGED'])
      }
    }
  })

  it('never comes from a derived file: each byte of checkpoint and mark may be wrong', async () => {
    const { files, rows } = await written()
    for (const name of ['checkpoint', 'durable']) {
      const path = `${FOLDER}/${name}`
      const content = files.get(path)!
      for (let at = 0; at < content.length; at++)
        expect([at, await outcome(new Map(files).set(path, flipped(content, at)))]).toEqual([at, rows])
      for (let length = 0; length < content.length; length += name === 'durable' ? 1 : 17)
        expect([length, await outcome(new Map(files).set(path, content.subarray(0, length)))]).toEqual([length, rows])
    }
  })

  it('is found at every byte of the manifest and of the readers', async () => {
    const { files } = await written()
    for (const name of ['manifest', 'readers']) {
      const path = `${FOLDER}/${name}`
      const content = files.get(path)!
      for (let at = 0; at < content.length; at++)
        expect([at, await outcome(new Map(files).set(path, flipped(content, at)))]).toEqual([at, 'LOG_DAMAGED'])
    }
  })

  it('is found when a file is missing', async () => {
    const { files, segments } = await written()
    for (const path of [...segments, `${FOLDER}/manifest`])
      expect([path, await outcome(without(files, path.slice(FOLDER.length + 1)))]).toEqual([path, 'LOG_DAMAGED'])
    for (const path of segments.slice(0, -1))
      expect(await outcome(without(files, path.slice(FOLDER.length + 1), 'checkpoint', 'durable'))).toBe('LOG_DAMAGED')
  })

  it('names the file and the byte, and changes nothing', async () => {
    const { files, segments } = await written()
    const path = segments[1]!
    const damaged = without(new Map(files).set(path, flipped(files.get(path)!, 60)), 'checkpoint', 'durable')
    const fs = SimulatedFs.holding(new Random(3), damaged)
    await expect(open(fs)).rejects.toMatchObject({
      code: 'LOG_DAMAGED',
      recovery: 'stop',
      message: expect.stringContaining(`${path} at byte 44`),
    })
    expect(fs.files()).toEqual(damaged)
  })
})
