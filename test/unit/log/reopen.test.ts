import { describe, expect, it } from '@jest/globals'
import type { Cursor, Position, SourceLog } from '../../../runtime/contract.ts'
import { readChecked, replaceChecked } from '../../../runtime/log/embedded/checked-file.ts'
import { segmentFirst } from '../../../runtime/log/embedded/segment.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { Random } from '../../crash/random.ts'
import { contents, FOLDER, lastUnit, never, open, UnitSource, units } from '../../support/log-life.ts'
import { transaction, tuple } from '../../support/records.ts'
import { SimulatedFs } from '../../support/simulated-fs.ts'

async function feed(log: SourceLog, count: number, attempt = 0): Promise<Cursor> {
  const source = new UnitSource(new Random(attempt), await lastUnit(log), attempt)
  for (let i = 0; i < count; i++) for (const batch of source.next()) await log.append(batch, never)
  return log.end()!
}

function segmentCount(fs: SimulatedFs): number {
  return [...fs.files().keys()].filter(path => segmentFirst(path.slice(FOLDER.length + 1)) !== undefined).length
}

describe('a log that is opened again', () => {
  it('holds what it held: rows, resume, tables, readers and valid cursors', async () => {
    const fs = new SimulatedFs(new Random(1))
    const first = await open(fs)
    const end = await feed(first, 20)
    await first.readers.register('search')
    await first.readers.save('search', end)
    const before = { rows: (await contents(first)).rows, resume: await first.resume(), stats: await first.stats() }
    await first[Symbol.asyncDispose]()
    for (const disk of [fs.processDeath(), fs.powerLoss()]) {
      await using log = await open(disk)
      expect({ rows: (await contents(log)).rows, resume: await log.resume(), stats: await log.stats() }).toEqual(before)
      expect([log.id, log.end(), await log.readers.load('search')]).toEqual([first.id, end, end])
      expect(log.compare(end, log.end()!)).toBe('equal')
      const reached = await log.reached('20' as Position, (a, b) => Number(a) >= Number(b), never)
      expect(log.compare(reached, end)).toBe('equal')
    }
  })

  it('finds the same without its checkpoint', async () => {
    const fs = new SimulatedFs(new Random(1))
    const first = await open(fs)
    await feed(first, 20)
    const before = { rows: (await contents(first)).rows, resume: await first.resume(), stats: await first.stats() }
    await first[Symbol.asyncDispose]()
    const files = fs.files()
    expect(files.delete(`${FOLDER}/checkpoint`)).toBe(true)
    await using log = await open(SimulatedFs.holding(new Random(1), files))
    expect({ rows: (await contents(log)).rows, resume: await log.resume(), stats: await log.stats() }).toEqual(before)
  })

  it('remembers where the lineage of its source began, with its checkpoint or without it', async () => {
    const fs = new SimulatedFs(new Random(1))
    const first = await open(fs)
    await feed(first, 5)
    const writer = new BatchWriter([units])
    await first.append(
      transaction(writer, '3', w => w.row('c', units, tuple('3-0', '3', '1', 'x')), 1n, { lineage: '1' }),
      never,
    )
    const { lineageFrom } = (await first.resume())!
    expect(lineageFrom).toBeGreaterThan(0n)
    await first[Symbol.asyncDispose]()
    const files = fs.files()
    for (const hasCheckpoint of [true, false]) {
      if (!hasCheckpoint) expect(files.delete(`${FOLDER}/checkpoint`)).toBe(true)
      await using log = await open(SimulatedFs.holding(new Random(1), files))
      expect((await log.resume())!.lineageFrom).toBe(lineageFrom)
      const waiting = log.reached('4' as Position, (a, b) => Number(a) >= Number(b), never)
      const end = (await log.append(
        transaction(writer, '4', w => w.row('c', units, tuple('4-0', '4', '1', 'x'))),
        never,
      ))!
      expect(log.compare(await waiting, end.cursor)).toBe('equal')
    }
  })

  it('takes a checkpoint that tells of no lineage', async () => {
    const fs = new SimulatedFs(new Random(1))
    const first = await open(fs)
    await feed(first, 5)
    await first[Symbol.asyncDispose]()
    const read = await readChecked(fs, FOLDER, 'checkpoint')
    const { lineageFrom: _, ...old } = (read as { value: Record<string, unknown> }).value
    await replaceChecked(fs, FOLDER, 'checkpoint', old)
    await using log = await open(fs.processDeath())
    expect([(await log.resume())!.lineageFrom, await lastUnit(log)]).toEqual([0n, 5])
  })

  it('reads only what came after its checkpoint', async () => {
    const fs = new SimulatedFs(new Random(1))
    const first = await open(fs, { segmentBytes: 1_000_000 })
    await feed(first, 40)
    await first[Symbol.asyncDispose]()
    const files = fs.files()
    const [path] = [...files.keys()].filter(name => name.endsWith('.log'))
    // Whatever stands before the checkpoint is not looked at.
    files.set(path!, Buffer.alloc(files.get(path!)!.length))
    await using log = await open(SimulatedFs.holding(new Random(1), files))
    expect(await lastUnit(log)).toBe(40)
  })

  it('knows cursors of a session only as far as that session wrote what is still there', async () => {
    const fs = new SimulatedFs(new Random(1))
    const first = await open(fs)
    const kept = await feed(first, 5)
    await first[Symbol.asyncDispose]()
    const backup = fs.files()
    const second = await open(fs.processDeath())
    const lost = await feed(second, 5, 1)
    await second[Symbol.asyncDispose]()
    await using restored = await open(SimulatedFs.holding(new Random(1), backup))
    expect(restored.compare(lost, kept)).toBe('foreign')
    // The same offsets, taken by others.
    const end = await feed(restored, 30, 2)
    expect([restored.compare(kept, end), restored.compare(lost, end)]).toEqual(['before', 'foreign'])
    expect(() => restored.read(lost, () => true, never)).toThrow(expect.objectContaining({ code: 'CURSOR_FOREIGN' }))
  })

  it('forgets sessions that left nothing behind', async () => {
    let fs = new SimulatedFs(new Random(1))
    await feed(await open(fs), 3)
    const sizes: number[] = []
    for (let i = 0; i < 5; i++) {
      fs = fs.processDeath()
      await open(fs)
      sizes.push(fs.files().get(`${FOLDER}/manifest`)!.length)
    }
    expect(new Set(sizes).size).toBe(1)
  })

  it('cuts a torn unit that spans segments whole, and reuses none of its offsets for the same session', async () => {
    const fs = new SimulatedFs(new Random(1))
    const log = await open(fs)
    const end = await feed(log, 3)
    const before = segmentCount(fs)
    const writer = new BatchWriter([units])
    writer.begin('big', 'big', 1n)
    for (let i = 0; i < 40; i++) {
      writer.row('c', units, tuple(`big-${i}`, '99', '40', 'x'.repeat(100)))
      if (i % 4 === 3) await log.append(writer.takePart(), never)
    }
    expect(segmentCount(fs)).toBeGreaterThan(before + 2)
    const left = fs.processDeath()
    await using again = await open(left)
    expect([again.end(), segmentCount(left)]).toEqual([end, before])
    await feed(again, 3, 1)
    await contents(again)
  })

  it('reads a unit that spans segments whole', async () => {
    const fs = new SimulatedFs(new Random(1))
    const first = await open(fs)
    const writer = new BatchWriter()
    writer.announce(units)
    writer.begin('1', '1', 1n)
    for (let i = 0; i < 60; i++) {
      writer.row('c', units, tuple(`1-${i}`, '1', '60', '0'))
      if (i % 7 === 6) await first.append(writer.takePart(), never)
    }
    writer.commit()
    await first.append(writer.take({ lane: 'stream', position: '1' as Position }), never)
    expect((await contents(first)).rows).toHaveLength(60)
    expect(segmentCount(fs)).toBeGreaterThan(3)
    await using log = await open(fs.powerLoss())
    expect((await contents(log)).rows).toHaveLength(60)
  })

  it('refuses a format that is newer than itself', async () => {
    const fs = new SimulatedFs(new Random(1))
    await (await open(fs))[Symbol.asyncDispose]()
    await replaceChecked(fs, FOLDER, 'manifest', { format: 4, logId: 'x', sessions: [] })
    await expect(open(fs)).rejects.toMatchObject({ code: 'LOG_FORMAT', recovery: 'stop' })
  })
})
