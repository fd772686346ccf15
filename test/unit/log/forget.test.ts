import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { RowKey, SourceLog } from '../../../runtime/contract.ts'
import { eraseInThread, rewriteInThread } from '../../../runtime/log/embedded/compaction/in-thread.ts'
import { INDEX_FOLDER } from '../../../runtime/log/embedded/key-index/opening.ts'
import { filesWith } from '../../support/folder-bytes.ts'
import { type IndexedLogOptions, ITEMS, ItemWriter, newestText, openIndexed } from '../../support/indexed-log.ts'
import { readToEnd } from '../../support/log-reading.ts'
import { tuple } from '../../support/records.ts'

const signal = new AbortController().signal
const CANARY = ['canary-key', 'canary-value'] as const
let place: string
let folder: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'tailrace-forget-'))
  folder = join(place, 'log')
})
afterEach(() => rm(place, { recursive: true, force: true }))

/** All that is younger than an hour keeps its history. */
const young: IndexedLogOptions = { segmentBytes: 2000, retention: { keepHistoryMs: 3_600_000 } }
/** Nothing does. */
const old: IndexedLogOptions = { segmentBytes: 2000 }

const rowOf = (key: string): RowKey => ({ table: ITEMS, key: tuple(key).bytes })

/** Rounds of updates of the same keys, in some of which the canary is changed; then its delete, and one more round. */
async function write(log: SourceLog, rounds = 10): Promise<ItemWriter> {
  const writer = new ItemWriter(log)
  const round = async (n: number): Promise<void> => {
    for (let key = 0; key < 10; key++)
      await log.append(writer.unit([[String(key), `text ${n}`]], n === 0 ? 'c' : 'u'), signal)
  }
  for (let n = 0; n < rounds; n++) {
    await round(n)
    if (n % 3 === 0)
      await log.append(
        writer.unit([
          ['0', `with ${n}`],
          ['canary-key', `canary-value ${n}`],
        ]),
        signal,
      )
  }
  await log.append(writer.deletion(['canary-key', '3']), signal)
  await round(rounds)
  return writer
}

describe('a row that is forgotten', () => {
  it.each([
    ['young segments', young, false],
    ['compacted segments', { ...old, retention: { deleteRetentionMs: 3_600_000 } }, true],
  ])('stands in no file of the folder, nor of its index: of %s', async (_, options, isCompacted) => {
    await using log = await openIndexed(folder, options)
    await write(log)
    if (isCompacted) expect((await log.compact!(signal)).segments).toBeGreaterThan(0)
    await write(log)
    await newestText(log, '0')
    expect(await filesWith(folder, CANARY)).not.toEqual([])
    const report = await log.forget!([rowOf('canary-key'), rowOf('never')], signal)
    expect(report).toMatchObject({ removed: [isCompacted ? 6 : 10, 0] })
    expect(report.bytesAfter).toBeGreaterThan(0)
    expect(await filesWith(folder, CANARY)).toEqual([])
    expect(await newestText(log, 'canary-key')).toBeUndefined()
    expect(await newestText(log, '0')).toBe('text 10')
  })
})

describe('everything else', () => {
  it('is as it was: order, history, versions, transactions and times', async () => {
    await using log = await openIndexed(folder, young)
    await write(log)
    const before = await readToEnd(log)
    const kept = before.lines
      .map((line, i) => ({ line, seen: before.seen[i] }))
      .filter(({ line }) => !line.includes('canary'))
    const { segments } = await log.forget!([rowOf('canary-key')], signal)
    const count = (await readdir(folder)).filter(name => /^\d/.test(name)).length
    expect(segments).toBeLessThan(count - 2)
    const after = await readToEnd(log)
    expect(after.lines.map((line, i) => ({ line, seen: after.seen[i] }))).toEqual(kept)
  })

  it('is found after a restart, also without the index and the checkpoint', async () => {
    {
      await using log = await openIndexed(folder, young)
      await write(log)
      await log.forget!([rowOf('canary-key')], signal)
    }
    let changes = 1 + 11 * 10 + 4 + 1
    for (const way of ['as it is', 'without its index', 'without its checkpoint']) {
      if (way === 'without its index') await rm(join(folder, INDEX_FOLDER), { recursive: true })
      if (way === 'without its checkpoint') await rm(join(folder, 'checkpoint'))
      const said: string[] = []
      await using log = await openIndexed(folder, { ...young, said })
      expect(said.filter(line => line.includes('not used'))).toEqual([])
      expect(await newestText(log, '4')).toBe('text 10')
      expect(await newestText(log, 'canary-key')).toBeUndefined()
      expect((await readToEnd(log)).lines).toHaveLength(changes)
      await log.append(new ItemWriter(log, 200).unit([['4', 'on']], 'u'), signal)
      expect(await newestText(log, '4')).toBe('on')
      await log.append(new ItemWriter(log, 300).unit([['4', 'text 10']], 'u'), signal)
      changes += 2
    }
  })

  it('is compacted as before once it is old enough', async () => {
    {
      await using log = await openIndexed(folder, young)
      await write(log)
      await log.forget!([rowOf('canary-key')], signal)
      expect(await log.compact!(signal)).toMatchObject({ segments: 0 })
    }
    await using log = await openIndexed(folder, { ...old, rewriter: rewriteInThread, eraser: eraseInThread })
    expect(await log.compact!(signal)).toMatchObject({ kept: 11 })
    expect((await readToEnd(log)).lines).toHaveLength(11)
  })
})
