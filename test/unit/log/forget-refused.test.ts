import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { LoadProgress, SourceLog } from '../../../runtime/contract.ts'
import { realFs } from '../../../runtime/log/embedded/fs.ts'
import { inspectLog } from '../../../runtime/log/embedded/inspect.ts'
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
import { silent } from '../../support/log-life.ts'
import { linesOf, readToEnd } from '../../support/log-reading.ts'
import { tuple } from '../../support/records.ts'

const signal = new AbortController().signal
let place: string
let folder: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'tailrace-forget-'))
  folder = join(place, 'log')
})
afterEach(() => rm(place, { recursive: true, force: true }))

/** The files of a log that stay as they are while nothing is written. */
async function files(): Promise<string[]> {
  return (await readdir(folder)).filter(name => name !== 'checkpoint')
}

describe('forget is refused', () => {
  it('while one of the rows is there, and then nothing is removed', async () => {
    await using log = await openIndexed(folder, YOUNG)
    await writeCanary(log)
    const before = await files()
    await expect(log.forget!([CANARY_ROW, rowOf('4')], signal)).rejects.toMatchObject({
      code: 'FORGET_LIVE',
      recovery: 'stop',
      message: '1 of the rows are there, in app.public.item.',
    })
    expect(await files()).toEqual(before)
    expect((await readToEnd(log)).lines).toHaveLength(OTHER_CHANGES + CANARY_CHANGES)
  })

  it('while a reader has not read what became of them, which is named; not for one that has expired', async () => {
    await using log = await openIndexed(folder, {
      ...YOUNG,
      retention: { deleteRetentionMaxMs: -1, keepHistoryMs: 3.6e6 },
    })
    await log.readers.register('fresh')
    await log.readers.register('slow')
    const writer = await writeCanary(log)
    await log.readers.save('slow', (await readToEnd(log)).cursors.at(-20)!)
    await log.readers.register('there', 'history')
    await log.readers.save('there', log.end()!)
    await log.append(writer.unit([['1', 'behind all']], 'u'), signal)
    await expect(log.forget!([CANARY_ROW], signal)).rejects.toMatchObject({
      code: 'FORGET_UNREAD',
      recovery: 'retry',
      message: 'Not read yet what became of the rows: fresh, slow.',
    })
    await log.compact!(signal)
    expect(await log.readers.list()).toMatchObject([{ expired: true }, { expired: true }, { expired: true }])
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [CANARY_CHANGES] })
    expect(await log.readers.admit!('there', log.end()!)).toBe(log.end())
    expect(await log.readers.admit!('slow', undefined)).toBe('start')
  })

  it('while the table is loaded, and where what is noted of a load names a row', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = await writeCanary(log)
    const key = Buffer.from(CANARY_ROW.key).toString('base64')
    const lane = async (progress: Partial<LoadProgress>): Promise<void> => {
      const whole = { done: false, rows: 1, totalRows: null, state: '', ...progress }
      await log.append(writer.writer.take({ lane: `load:${ITEMS.name}`, progress: whole }), signal)
    }
    await lane({ state: JSON.stringify({ key }) })
    await expect(log.forget!([CANARY_ROW], signal)).rejects.toMatchObject({ code: 'FORGET_LOADING', recovery: 'retry' })
    await lane({ state: JSON.stringify({ key }), done: true })
    await expect(log.forget!([CANARY_ROW], signal)).rejects.toMatchObject({ code: 'FORGET_LOADING', recovery: 'stop' })
    await lane({ state: JSON.stringify({ of: 7 }), done: true })
    expect(await filesWith(folder, CANARY)).toContain('checkpoint')
    await log.forget!([CANARY_ROW], signal)
    expect(await filesWith(folder, CANARY)).toEqual([])
    expect((await log.resume())?.loads.get(ITEMS.name)).toMatchObject({ done: true, state: '{"of":7}' })
  })
})

describe('a reader of a log from which rows were removed', () => {
  it('is refused with a cursor from before their delete, and stops where it is overtaken', async () => {
    await using log = await openIndexed(folder, YOUNG)
    await writeCanary(log)
    const { cursors, lines } = await readToEnd(log)
    const deleted = lines.lastIndexOf('d item canary-key')
    const slow = log.read('start', () => true, signal, { maxRows: 3 })[Symbol.asyncIterator]()
    await slow.next()
    await log.forget!([CANARY_ROW], signal)
    expect(() => log.read(cursors[deleted - 1]!, () => true, signal)).toThrow(
      expect.objectContaining({ code: 'CURSOR_EXPIRED' }),
    )
    await expect(slow.next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect((await readToEnd(log, cursors[deleted]!)).lines).toEqual(lines.slice(deleted + 1))
    expect(await log.readers.admit!('unknown', cursors[deleted - 1]!)).toBe('start')
  })

  it('is refused also if it began behind a removal that went further, and misses this one', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = await writeCanary(log)
    await log.append(writer.deletion(['8']), signal)
    await log.forget!([rowOf('8')], signal)
    const reading = log.read('start', () => true, signal, { maxRows: 20 })[Symbol.asyncIterator]()
    const { cursor } = (await reading.next()).value!
    const { lines, cursors } = await readToEnd(log)
    const behind = cursors[lines.lastIndexOf('d item canary-key') + 1]!
    await log.forget!([CANARY_ROW], signal)
    await expect(reading.next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    expect(() => log.read(cursor, () => true, signal)).toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }))
    // Of the first removal it misses nothing, and of the second neither.
    expect((await readToEnd(log, behind)).lines).toHaveLength(lines.length - cursors.indexOf(behind) - 1)
  })

  it('gets the deletes of all other rows, and they are known as before', async () => {
    await using log = await openIndexed(folder, { ...OLD, retention: { deleteRetentionMs: 3.6e6 } })
    const writer = await writeCanary(log)
    await log.append(writer.deletion(['7']), signal)
    await log.append(writer.deletion(['0']), signal)
    await log.forget!([rowOf('0'), CANARY_ROW], signal)
    expect((await log.newest!(ITEMS, tuple('7').bytes))?.kind).toBe('d')
    await log.compact!(signal)
    expect((await readToEnd(log)).lines).toContain('d item 7')
    expect((await log.newest!(ITEMS, tuple('7').bytes))?.kind).toBe('d')
  })

  it('goes on in another process', async () => {
    await using log = await openIndexed(folder, YOUNG)
    const writer = await writeCanary(log)
    await using other = await inspectLog(realFs, folder, silent)
    await using late = await inspectLog(realFs, folder, silent)
    const reading = other.read(log.end()!, () => true, signal)[Symbol.asyncIterator]()
    await log.forget!([CANARY_ROW], signal)
    await log.append(writer.unit([['3', 'newest']], 'u'), signal)
    for (let lines: string[] = []; !lines.includes('u item 3 newest'); ) lines = linesOf((await reading.next()).value)
    const lines = await allOf(late, 'u item 3 newest')
    expect(lines.filter(line => !line.includes('canary'))).toHaveLength(OTHER_CHANGES + 1)
    await using fresh = await inspectLog(realFs, folder, silent)
    expect((await readToEnd(fresh)).lines).toHaveLength(OTHER_CHANGES + 1)
  })
})

async function allOf(log: SourceLog, last: string): Promise<string[]> {
  const lines: string[] = []
  for await (const batch of log.read('start', () => true, signal)) {
    lines.push(...linesOf(batch))
    if (lines.at(-1) === last) break
  }
  return lines
}

describe('forget that ends early', () => {
  it('leaves the log as it is when it is called off, and no file behind', async () => {
    await using log = await openIndexed(folder, YOUNG)
    await writeCanary(log)
    const abort = new AbortController()
    abort.abort(new Error('called off'))
    await expect(log.forget!([CANARY_ROW], abort.signal)).rejects.toThrow('called off')
    expect((await readToEnd(log)).lines).toHaveLength(OTHER_CHANGES + CANARY_CHANGES)
    expect(await log.forget!([CANARY_ROW], signal)).toMatchObject({ removed: [CANARY_CHANGES] })
  })

  it('keeps what was put in place when it is called off later; again, it removes the rest', async () => {
    const abort = new AbortController()
    let segments = 0
    const { erase } = await import('../../../runtime/log/embedded/forget/erase.ts')
    await using log = await openIndexed(folder, {
      ...YOUNG,
      async *eraser(job) {
        for await (const erased of erase(realFs, job, async () => {})) {
          yield erased
          if (++segments === 2) abort.abort(new Error('called off'))
        }
      },
    })
    await writeCanary(log)
    await expect(log.forget!([CANARY_ROW], abort.signal)).rejects.toThrow('called off')
    expect((await log.newest!(ITEMS, CANARY_ROW.key))?.kind).toBe('d')
    expect(await newestText(log, '3')).toBe('text 10')
    const names = await readdir(folder)
    expect(names.filter(name => name.startsWith('base.'))).toHaveLength(1)
    expect(names.filter(name => /^\d{16}\.\d+\.log$/.test(name))).toHaveLength(2)
    const { removed } = await log.forget!([CANARY_ROW], signal)
    expect(removed[0]).toBeGreaterThan(0)
    expect(await filesWith(folder, CANARY)).toEqual([])
    expect((await readToEnd(log)).lines).toHaveLength(OTHER_CHANGES)
  })

  it('takes its turn with a compaction', async () => {
    await using log = await openIndexed(folder, OLD)
    await writeCanary(log)
    const [compacted, forgotten] = await Promise.all([
      log.compact!(signal),
      log.forget!([CANARY_ROW], signal),
      log.compact!(signal),
    ])
    expect(compacted.kept).toBe(11)
    expect(forgotten.removed).toEqual([0])
    expect(await filesWith(folder, CANARY)).toEqual([])
    await log.append(new ItemWriter(log, 300).unit([['4', 'on']], 'u'), signal)
    expect(await newestText(log, '4')).toBe('on')
  })
})
