import { describe, expect, it } from '@jest/globals'
import type { Position, SourceLog } from '../../../runtime/contract.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { Random } from '../../crash/random.ts'
import { never, open } from '../../support/log-life.ts'
import { Hand, linesOf, readToEnd, rows } from '../../support/log-reading.ts'
import { table, transaction, tuple } from '../../support/records.ts'
import { SimulatedFs } from '../../support/simulated-fs.ts'

const orders = table('orders')
const items = table('items', { id: 2 })

/** A log whose ring holds only the last few units. */
async function begin(): Promise<{
  log: SourceLog
  fs: SimulatedFs
  add: (from: number, to: number, of?: typeof orders, text?: string) => Promise<void>
}> {
  const fs = new SimulatedFs(new Random(1))
  const log = await open(fs, { ringBytes: 3000 })
  const writer = new BatchWriter()
  let position = 0
  const add = async (from: number, to: number, of = orders, text = 'x'): Promise<void> => {
    for (let id = from; id < to; id++)
      await log.append(
        transaction(writer, String(++position), w => {
          if (!w.registry.has(of.id)) w.announce(of)
          w.row('c', of, tuple(String(id), text))
        }),
        never,
      )
  }
  return { log, fs, add }
}

describe('a reader of the embedded log', () => {
  it('comes from far behind to the head and falls behind again without a seam', async () => {
    const { log, add } = await begin()
    await add(0, 60)
    await using reader = new Hand(log, 'start', undefined, { maxRows: 4 })
    const got: string[] = []
    for (let next = 60; next < 200; ) {
      got.push(...(await reader.rows()))
      // At the head for a while, then far behind it.
      const step = got.length % 50 < 25 ? 1 : 12
      await add(next, Math.min(200, next + step))
      next += step
    }
    while (got.length < 200) got.push(...(await reader.rows()))
    expect(got).toEqual(Array.from({ length: 200 }, (_, id) => `c orders ${id} x`))
  })

  it('reads what another one near it has read already from memory, and alone keeps nothing', async () => {
    const { log, fs, add } = await begin()
    const text = 'x'.repeat(50_000)
    await add(0, 120, orders, text)
    const expected = Array.from({ length: 120 }, (_, id) => `c orders ${id} ${text}`)
    const reads = async (count: number): Promise<number> => {
      await using readers = new AsyncDisposableStack()
      const hands = Array.from({ length: count }, () => readers.use(new Hand(log, 'start', undefined, { maxRows: 10 })))
      const got: string[][] = hands.map(() => [])
      const before = fs.reads
      while (got[0]!.length < 120) for (const [i, hand] of hands.entries()) got[i]!.push(...(await hand.rows()))
      for (const lines of got) expect(lines).toEqual(expected)
      return fs.reads - before
    }
    const alone = await reads(1)
    expect(alone).toBeGreaterThan(5)
    // Each looks for its place by itself; what stands there is read by the first alone.
    expect(await reads(4)).toBeLessThan(2 * alone)
    expect(await reads(1)).toBeGreaterThan(0.9 * alone)
  })

  it('reads nothing from the disk at the head', async () => {
    const { log, fs, add } = await begin()
    await add(0, 60)
    await using reader = new Hand(log, log.end())
    const next = reader.rows()
    await add(60, 61)
    expect(await next).toEqual(['c orders 60 x'])
    fs.arm(undefined)
    const [batch] = [reader.rows(), await add(61, 62)]
    expect(await batch).toEqual(['c orders 61 x'])
    // The append itself: its write, its fsync, and the mark for readers elsewhere.
    expect(fs.operations).toBeLessThanOrEqual(3)
  })

  it('never waits for readers: the writer goes on while one of them stands still', async () => {
    const { log, add } = await begin()
    await add(0, 5)
    await using still = new Hand(log, 'start', undefined, { maxRows: 1 })
    const first = await still.rows()
    await add(5, 300)
    const got = [...first]
    while (got.length < 300) got.push(...(await still.rows()))
    expect(got.at(-1)).toBe('c orders 299 x')
  })

  it('hands a moved cursor on at once at the head, and not for every foreign unit', async () => {
    const { log, add } = await begin()
    await add(0, 3)
    await add(0, 1, items)
    await using reader = new Hand(log, 'start', known => known.id === items.id)
    expect(await reader.rows()).toEqual(['c items 0 x'])
    let empty = 0
    let isAdded = false
    const moving = (async () => {
      for (let last = log.end()!; !isAdded || log.compare(last, log.end()!) === 'before'; empty++) {
        const batch = await reader.next()
        expect([batch.count, log.compare(last, batch.cursor)]).toEqual([0, 'before'])
        last = batch.cursor
      }
    })()
    await add(3, 150)
    isAdded = true
    await add(150, 151)
    await moving
    expect(empty).toBeLessThan(75)
  })

  it('gives up when the disk holds something else than was written', async () => {
    const { log, fs, add } = await begin()
    await add(0, 60)
    const [path, content] = [...fs.files()].find(([name]) => name.endsWith('1.log'))!
    content[200]! ^= 1
    await expect(readToEnd(log)).rejects.toMatchObject({
      code: 'LOG_DAMAGED',
      message: expect.stringContaining(path),
    })
  })

  it('tells bytes and the oldest commit behind the head, and records where all tables are read', async () => {
    const { log, add } = await begin()
    await add(0, 60)
    const { cursors } = await readToEnd(log)
    const far = await log.lag(cursors[10]!, () => true)
    const near = await log.lag(cursors.at(-3)!, () => true)
    expect([far.records, near.records]).toEqual([50, 2])
    expect(far.bytes).toBeGreaterThan(near.bytes!)
    expect(far.oldestCommitTime).toBe(1_000_000n)
    await add(0, 1, items)
    expect(await log.lag(cursors[10]!, known => known.id === orders.id)).toMatchObject({ records: null })
  })

  it('sees a heartbeat as a moved cursor and nothing else', async () => {
    const { log, add } = await begin()
    await add(0, 1)
    await using reader = new Hand(log)
    expect(rows(linesOf(await reader.next()))).toEqual(['c orders 0 x'])
    const writer = new BatchWriter()
    const beat = await log.append(writer.take({ lane: 'stream', position: '9' as Position }), never)
    const batch = await reader.next()
    expect([batch.count, batch.cursor, batch.endsTransaction]).toEqual([0, beat!.cursor, true])
  })
})
