import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Cursor, SourceLog } from '../../../runtime/contract.ts'
import { rewriteInThread } from '../../../runtime/log/embedded/compaction/in-thread.ts'
import { realFs } from '../../../runtime/log/embedded/fs.ts'
import { inspectLog } from '../../../runtime/log/embedded/inspect.ts'
import { INDEX_FOLDER } from '../../../runtime/log/embedded/key-index/opening.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { Random, seedFrom } from '../../crash/random.ts'
import { CompactionHistory, diskPlace, simulatedPlace } from '../../support/compaction-history.ts'
import { KILL_POINTS, killCompactions } from '../../support/compaction-kills.ts'
import { type IndexedLogOptions, ItemWriter, loadChunk, newestText, openIndexed } from '../../support/indexed-log.ts'
import { told } from '../../support/records.ts'
import { until } from '../../support/until.ts'

const signal = new AbortController().signal
let place: string
let folder: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'tailrace-compaction-'))
  folder = join(place, 'log')
})
afterEach(() => rm(place, { recursive: true, force: true }))

const small: IndexedLogOptions = { segmentBytes: 2000 }

/** All that a reader is told behind the cursor, up to the end. */
async function read(log: SourceLog, after: Cursor | 'start' = 'start'): Promise<string[]> {
  const lines: string[] = []
  const end = log.end()
  if (end === undefined || after === end) return lines
  for await (const batch of log.read(after, () => true, signal)) {
    lines.push(...told(batch))
    if (log.compare(batch.cursor, end) !== 'before') return lines
  }
  throw new Error('the log ended')
}

/** Rounds of updates of the same keys. */
async function fill(log: SourceLog, rounds: number, keys = 10): Promise<ItemWriter> {
  const writer = new ItemWriter(log)
  for (let round = 0; round < rounds; round++)
    for (let key = 0; key < keys; key++)
      await log.append(writer.unit([[String(key), `text ${round}`]], round === 0 ? 'c' : 'u'), signal)
  return writer
}

describe('a compacted log', () => {
  it('holds the newest change of each key, and a new reader gets just these', async () => {
    await using log = await openIndexed(folder, small)
    await fill(log, 20)
    const report = await log.compact!(signal)
    expect(report.scanned).toBe(201)
    expect(report.kept).toBe(11)
    const expected = Array.from({ length: 10 }, (_, key) => `u ${key} text 19`)
    expect(await read(log)).toEqual(['s item', ...expected])
    for (let key = 0; key < 10; key++) expect(await newestText(log, String(key))).toBe('text 19')
  })

  it('is the same after a restart, and its index can be built from it', async () => {
    {
      await using log = await openIndexed(folder, small)
      await fill(log, 20)
      await log.compact!(signal)
    }
    for (const way of ['as it is', 'without its index', 'without its checkpoint']) {
      if (way === 'without its index') await rm(join(folder, INDEX_FOLDER), { recursive: true })
      if (way === 'without its checkpoint') await rm(join(folder, 'checkpoint'))
      await using log = await openIndexed(folder, small)
      expect(await newestText(log, '3')).toBe('text 19')
      expect(await read(log)).toHaveLength(11)
      expect((await log.resume())?.stream).toBe('200')
    }
  })

  it('goes on growing, and is compacted again', async () => {
    await using log = await openIndexed(folder, small)
    const writer = await fill(log, 20)
    for (let round = 0; round < 5; round++) {
      for (let key = 0; key < 5; key++)
        for (let i = 0; i < 20; i++) await log.append(writer.unit([[String(key), `round ${round}.${i}`]], 'u'), signal)
      await log.compact!(signal)
      expect(await read(log)).toHaveLength(11)
      expect(await newestText(log, '1')).toBe(`round ${round}.19`)
      expect(await newestText(log, '7')).toBe('text 19')
    }
    const files = (await readdir(folder)).filter(name => /^\d/.test(name))
    expect(files.length).toBeLessThan(5)
  })

  it('comes by itself, also where so little happens that no segment is ever full', async () => {
    await using log = await openIndexed(folder, { segmentBytes: 2 ** 20, compactionMs: 20 })
    await fill(log, 20)
    const isCompacted = async (): Promise<boolean> => (await readdir(folder)).some(name => name.startsWith('base.'))
    await until(isCompacted, 'the log is compacted')
    expect(await newestText(log, '3')).toBe('text 19')
  })

  it('is written by a thread beside the log', async () => {
    await using log = await openIndexed(folder, { ...small, rewriter: rewriteInThread })
    await fill(log, 20)
    const report = await log.compact!(signal)
    expect(report.kept).toBe(11)
    expect(await newestText(log, '3')).toBe('text 19')
  })
})

describe('what compaction removes', () => {
  /** Row 3, whose bytes are known, and its delete. */
  async function writeAndDelete(log: SourceLog): Promise<ItemWriter> {
    const writer = await fill(log, 3)
    await log.append(writer.unit([['canary-key', 'canary-value']]), signal)
    await log.append(writer.deletion(['canary-key', '3']), signal)
    return writer
  }

  it('is the delete too, once every registered sink has read it, and then no byte of the row is left', async () => {
    await using log = await openIndexed(folder, small)
    await log.readers.register('slow')
    await writeAndDelete(log)
    await log.compact!(signal)
    expect(await read(log)).toEqual(expect.arrayContaining(['d canary-key', 'd 3']))
    await log.readers.save('slow', log.end()!)
    const { horizon } = await log.compact!(signal)
    expect(horizon).toBeDefined()
    expect((await read(log)).filter(line => line.startsWith('d'))).toEqual([])
    expect(await newestText(log, 'canary-key')).toBeUndefined()
    const states = await log.states!(loadChunk(log, [['canary-key', 'x']]))
    expect(states.state(0)).toBe('none')
    for (const name of await readdir(folder, { recursive: true })) {
      const path = join(folder, name)
      if ((await stat(path)).isFile()) expect([name, (await readFile(path)).includes('canary')]).toEqual([name, false])
    }
  })

  it('is not there for a cursor from before: it is refused, and a reader that is overtaken stops', async () => {
    await using log = await openIndexed(folder, small)
    const writer = await fill(log, 3)
    const before = log.end()!
    const slow = log.read('start', () => true, signal, { maxRows: 3 })[Symbol.asyncIterator]()
    await slow.next()
    await log.append(writer.deletion(['3']), signal)
    await log.compact!(signal)
    expect(() => log.read(before, () => true, signal)).toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }))
    await expect(slow.next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(await read(log)).toHaveLength(10)
    expect(await log.readers.admit!('unknown', before)).toBe('start')
  })

  it('is nothing that is younger than keepHistory, and no delete younger than deleteRetention', async () => {
    {
      await using log = await openIndexed(folder, { ...small, retention: { keepHistoryMs: 3_600_000 } })
      await writeAndDelete(log)
      expect(await log.compact!(signal)).toMatchObject({ segments: 0 })
      expect(await read(log)).toHaveLength(34)
    }
    await using log = await openIndexed(folder, { ...small, retention: { deleteRetentionMs: 3_600_000 } })
    expect(await log.compact!(signal)).toMatchObject({ horizon: undefined })
    expect((await read(log)).filter(line => line.startsWith('d'))).toEqual(['d canary-key', 'd 3'])
  })

  it('waits for a sink that does not come until deleteRetentionMax, and has it begin anew then', async () => {
    await using log = await openIndexed(folder, { ...small, retention: { deleteRetentionMaxMs: -1 } })
    const writer = await fill(log, 3)
    await log.readers.register('lost')
    const cursor = log.end()!
    await log.readers.save('lost', cursor)
    await log.append(writer.deletion(['3']), signal)
    await log.compact!(signal)
    expect(await log.readers.list()).toMatchObject([{ name: 'lost', expired: true }])
    expect(await log.readers.admit!('lost', cursor)).toBe('start')
    expect(await log.readers.list()).toMatchObject([{ name: 'lost', expired: false, cursor: undefined }])
  })

  it('is nothing that a registered reader of histories has not read; others are told of the gap', async () => {
    await using log = await openIndexed(folder, small)
    await fill(log, 3)
    await log.readers.register('history', 'history')
    expect(await log.compact!(signal)).toMatchObject({ segments: 0 })
    await log.readers.save('history', log.end()!)
    expect(await log.compact!(signal)).toMatchObject({ kept: 11 })
    const { value } = await log
      .read('start', () => true, signal)
      [Symbol.asyncIterator]()
      .next()
    expect(value).toMatchObject({ gap: true, count: 11 })
  })

  it('is seen by a reader in another process, which goes on', async () => {
    await using log = await openIndexed(folder, small)
    const writer = await fill(log, 20)
    await using other = await inspectLog(realFs, folder, createLogger('silent'))
    const reading = other.read('start', () => true, signal, { maxRows: 30 })[Symbol.asyncIterator]()
    await reading.next()
    await log.compact!(signal)
    await log.append(writer.unit([['3', 'newest']], 'u'), signal)
    const lines: string[] = []
    while (!lines.includes('u 3 newest')) lines.push(...told((await reading.next()).value))
    expect(lines.filter(line => line.includes('text 19'))).toHaveLength(10)
  })
})

describe('sinks of a log that is compacted', () => {
  it.each([
    [
      'with its index',
      3,
      150,
      (random: Random, i: number) => new CompactionHistory(random, diskPlace(join(place, `${i}`))),
    ],
    ['on a simulated disk', 150, 60, (random: Random) => new CompactionHistory(random, simulatedPlace(random))],
  ])(
    'end with what the source has, however slow, late, restored or made anew: %s',
    async (_where, count, steps, make) => {
      const seed = seedFrom([])
      for (let i = 0; i < count; i++) {
        const of = (seed + i) >>> 0
        try {
          await make(new Random(of), i).run(steps)
        } catch (cause) {
          throw new Error(`failed with seed ${of}`, { cause })
        }
      }
    },
    60_000,
  )

  it.each(KILL_POINTS)('lose nothing by a kill when it is %s', async point => {
    expect(await killCompactions([point], seedFrom([]))).toMatchObject({ kills: 1 })
  })
})
