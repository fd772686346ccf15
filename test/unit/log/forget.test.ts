import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { SourceLog } from '../../../runtime/contract.ts'
import { eraseInThread, rewriteInThread } from '../../../runtime/log/embedded/compaction/in-thread.ts'
import { INDEX_FOLDER } from '../../../runtime/log/embedded/key-index/opening.ts'
import { Random, seedFrom } from '../../crash/random.ts'
import { CompactionHistory, diskPlace, simulatedPlace } from '../../support/compaction-history.ts'
import { filesWith } from '../../support/folder-bytes.ts'
import {
  CANARY,
  CANARY_CHANGES,
  CANARY_ROW,
  OLD,
  OTHER_CHANGES,
  rowOf,
  writeCanary,
  YOUNG,
} from '../../support/forget-canary.ts'
import { ITEMS, ItemWriter, newestText, openIndexed } from '../../support/indexed-log.ts'
import { type Got, readToEnd } from '../../support/log-reading.ts'
import { transaction, tuple } from '../../support/records.ts'

const signal = new AbortController().signal
let place: string
let folder: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'tailrace-forget-'))
  folder = join(place, 'log')
})
afterEach(() => rm(place, { recursive: true, force: true }))

function told({ lines, seen }: Got): unknown[] {
  return lines.map((line, i) => ({ line, seen: seen[i] }))
}

async function segmentFiles(): Promise<string[]> {
  return (await readdir(folder)).filter(name => /^\d/.test(name))
}

describe('a row that is forgotten', () => {
  it('stands in no file of the folder, however young its changes are', async () => {
    await using log = await openIndexed(folder, { ...YOUNG, eraser: eraseInThread })
    await writeCanary(log)
    await writeCanary(log)
    await newestText(log, '0')
    const before = await filesWith(folder, CANARY)
    expect(before.filter(name => name.endsWith('.log')).length).toBeGreaterThan(6)
    expect(before.some(name => name.startsWith(INDEX_FOLDER))).toBe(true)
    const report = await log.forget!([CANARY_ROW, rowOf('never'), CANARY_ROW], signal)
    expect(report.removed).toEqual([2 * CANARY_CHANGES, 0, 2 * CANARY_CHANGES])
    expect(report.bytesAfter).toBeLessThan(report.bytesBefore)
    expect(await filesWith(folder, CANARY)).toEqual([])
    expect(await newestText(log, 'canary-key')).toBeUndefined()
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [0], segments: 0 })
  })

  it('stands in none either where segments are compacted, and others are not', async () => {
    {
      await using log = await openIndexed(folder, { ...OLD, retention: { deleteRetentionMs: 3_600_000 } })
      await writeCanary(log)
      await log.compact!(signal)
    }
    await using log = await openIndexed(folder, YOUNG)
    await writeCanary(log)
    // Compaction has left the delete.
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [1 + CANARY_CHANGES] })
    expect(await filesWith(folder, CANARY)).toEqual([])
    expect((await readToEnd(log)).lines).toHaveLength(11 + OTHER_CHANGES - 1)
  })

  it('may come again, and stays then', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = await writeCanary(log)
    await log.forget!([CANARY_ROW], signal)
    await log.append(writer.unit([['canary-key', 'anew']]), signal)
    expect(await newestText(log, 'canary-key')).toBe('anew')
    await log.append(writer.deletion(['canary-key']), signal)
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [2] })
    expect(await filesWith(folder, CANARY)).toEqual([])
  })

  it('is named no more by a row whose key was its own before, or became it', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = new ItemWriter(log)
    await log.append(writer.unit([['canary-key', 'a']]), signal)
    await log.append(writer.move('canary-key', 'b', 'x'), signal)
    await log.append(writer.move('b', 'canary-key', 'x'), signal)
    await log.append(writer.deletion(['canary-key']), signal)
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [4] })
    expect(await filesWith(folder, CANARY)).toEqual([])
    const { lines, seen } = await readToEnd(log)
    expect(lines).toEqual(['s item', 'u item b x', 'd item b'])
    // That it was a change of key is still told.
    expect(seen.map(({ moved }) => moved)).toEqual([undefined, '', ''])
  })
})

describe('everything else', () => {
  it('is as it was: order, history, versions, transactions and times; only what held the row is written anew', async () => {
    await using log = await openIndexed(folder, YOUNG)
    await writeCanary(log)
    const before = await readToEnd(log)
    const { segments } = await log.forget!([CANARY_ROW], signal)
    expect(segments).toBeGreaterThan(2)
    expect(segments).toBeLessThan((await segmentFiles()).length - 2)
    const isOther = (_: unknown, i: number): boolean => !before.lines[i]!.includes('canary')
    expect(told(await readToEnd(log))).toEqual(told(before).filter(isOther))
  })

  it('comes in whole transactions, and with a gap only where something is gone', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = await writeCanary(log)
    await log.forget!([CANARY_ROW], signal)
    await log.append(writer.unit([['9', 'behind']], 'u'), signal)
    let gaps = 0
    let count = 0
    for await (const batch of log.read('start', () => true, signal, { maxRows: 1 })) {
      gaps += batch.gap ? 1 : 0
      count += batch.count
      expect(batch.endsTransaction || batch.count === 1).toBe(true)
      if (batch.cursor === log.end()) break
    }
    expect(count).toBe(OTHER_CHANGES + 1)
    // A chunk that was cut says so twice.
    expect(gaps).toBe(2 * CANARY_CHANGES - 1)
  })

  it('is found after a restart, also without the index and the checkpoint', async () => {
    {
      await using log = await openIndexed(folder, YOUNG)
      await writeCanary(log)
      await log.forget!([CANARY_ROW], signal)
    }
    let changes = OTHER_CHANGES
    for (const way of ['as it is', 'without its index', 'without its checkpoint']) {
      if (way === 'without its index') await rm(join(folder, INDEX_FOLDER), { recursive: true })
      if (way === 'without its checkpoint') await rm(join(folder, 'checkpoint'))
      const said: string[] = []
      await using log = await openIndexed(folder, { ...YOUNG, said })
      expect(said.filter(line => line.includes('not used'))).toEqual([])
      expect(await newestText(log, '4')).toBe(way === 'as it is' ? 'text 10' : 'on')
      expect(await newestText(log, 'canary-key')).toBeUndefined()
      expect((await readToEnd(log)).lines).toHaveLength(changes++)
      await log.append(new ItemWriter(log, changes).unit([['4', 'on']], 'u'), signal)
      expect(await newestText(log, '4')).toBe('on')
    }
  })

  it('is compacted as before once it is old enough, and not earlier', async () => {
    {
      await using log = await openIndexed(folder, YOUNG)
      await writeCanary(log)
      await log.forget!([CANARY_ROW], signal)
      expect(await log.compact!(signal)).toMatchObject({ segments: 0 })
    }
    await using log = await openIndexed(folder, { ...OLD, rewriter: rewriteInThread })
    expect(await log.compact!(signal)).toMatchObject({ kept: 11 })
    expect((await readToEnd(log)).lines).toHaveLength(11)
  })

  it('may be appended meanwhile, also a unit that has begun', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = await writeCanary(log)
    const [begun, ended] = writer.inParts('5')
    await log.append(begun, signal)
    let isForgotten = false
    const forgetting = log.forget!([CANARY_ROW], signal).then(() => {
      isForgotten = true
    })
    await readToEnd(log)
    expect(isForgotten).toBe(false)
    await log.append(ended, signal)
    for (let i = 0; !isForgotten; i++) await log.append(writer.unit([['6', `beside ${i}`]], 'u'), signal)
    await forgetting
    expect(await filesWith(folder, CANARY)).toEqual([])
    expect(await newestText(log, '5')).toBe('second part')
    expect(await newestText(log, '6')).toContain('beside')
  })

  it('ends with what the source has in every sink, in random histories', async () => {
    const seed = seedFrom([])
    const retention = (random: Random) => ({ keepHistoryMs: random.chance(0.6) ? 2 ** 40 : -1000 })
    for (let i = 0; i < 152; i++) {
      const random = new Random((seed + i) >>> 0)
      const where = i < 2 ? diskPlace(join(place, `${i}`), retention) : simulatedPlace(random, retention)
      try {
        await new CompactionHistory(random, where, 0.1).run(80)
      } catch (cause) {
        throw new Error(`failed with seed ${random.seed}`, { cause })
      }
    }
  }, 120_000)
})

describe('rows that are gone otherwise than by a delete', () => {
  const writeTwo = async (log: SourceLog): Promise<ItemWriter> => {
    const writer = new ItemWriter(log)
    await log.append(
      writer.unit([
        ['canary-key', 'canary-value'],
        ['1', 'one'],
      ]),
      signal,
    )
    return writer
  }

  it('are forgotten: those of before a truncate', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = await writeTwo(log)
    await log.append(
      transaction(writer.writer, '7', rows => rows.truncate(ITEMS)),
      signal,
    )
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [1] })
    expect((await readToEnd(log)).lines).toEqual(['s item', 'c item 1 one', 't item'])
    expect(await filesWith(folder, CANARY)).toEqual([])
  })

  it('are forgotten: those of an incarnation that ended, under the name of the table', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const { writer } = await writeTwo(log)
    const anew = { ...ITEMS, id: 2, incarnation: 2 }
    writer.announce(anew)
    await log.append(
      transaction(writer, '7', rows => rows.row('c', anew, tuple('2', 'two'))),
      signal,
    )
    expect(await log.forget!([{ ...CANARY_ROW, table: anew }], signal)).toMatchObject({ removed: [1] })
    expect((await readToEnd(log)).lines).toEqual(['s item', 'c item 1 one', 's item', 'c item 2 two'])
    expect(await filesWith(folder, CANARY)).toEqual([])
  })
})
