import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Batch, Cursor, LoadProgress, Position, SourceLog } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { Hand, linesOf, readToEnd, rows } from '../support/log-reading.ts'
import { table, transaction, tuple } from '../support/records.ts'

/** Where one test's log lives. */
export interface LogHome extends AsyncDisposable {
  /** A second opening after the first was disposed finds what that one left, if the log is durable. */
  open(): Promise<SourceLog>
  /** An empty log beside it. */
  other(): Promise<SourceLog>
}

const orders = table('orders')
const items = table('items', { id: 2 })
const never = new AbortController().signal
const atLeast = (a: Position, b: Position): boolean => Number(a) >= Number(b)

/** What every log promises, whatever it is made of: R1, and the weaker order of a partitioned one. */
export function logContract(name: string, makeHome: () => Promise<LogHome>): void {
  describe(`${name} as a log`, () => {
    let home: LogHome
    let log: SourceLog
    let writer: BatchWriter

    beforeEach(async () => {
      home = await makeHome()
      log = await home.open()
      writer = new BatchWriter()
    })
    afterEach(async () => {
      await log[Symbol.asyncDispose]()
      await home[Symbol.asyncDispose]()
    })

    const unit = (position: number, ...texts: string[]): Batch =>
      transaction(writer, String(position), w => {
        for (const known of [orders, items]) if (!w.registry.has(known.id)) w.announce(known)
        for (const text of texts) {
          const [to, id, body] = text.split(' ') as [string, string, string]
          w.row('c', to === 'items' ? items : orders, tuple(id, body))
        }
      })
    const append = async (batch: Batch): Promise<Cursor> => (await log.append(batch, never))!.cursor

    it('begins empty', async () => {
      expect(await log.resume()).toBeUndefined()
      expect(log.end()).toBeUndefined()
      expect(await log.lag('start', () => true)).toMatchObject({ records: 0 })
    })

    it('answers a unit with the cursor behind it and the position to acknowledge', async () => {
      const answer = await log.append(unit(7, 'orders 1 one'), never)
      expect(answer).toEqual({ cursor: log.end(), position: '7' })
    })

    it('keeps a resume of each lane, the tables and the identity of the source', async () => {
      const progress: LoadProgress = { done: false, rows: 3, totalRows: null, state: 'half' }
      await append(unit(1, 'orders 1 one'))
      writer.beginLoad('1', 5n)
      writer.row('r', items, tuple('9', 'nine'))
      writer.commit()
      const loaded = await log.append(writer.take({ lane: 'load:app.public.items', progress }), never)
      expect(loaded).toEqual({ cursor: log.end() })
      await append(writer.take({ lane: 'stream', position: '2' as Position, identity: { system: '4711' } }))
      const resume = (await log.resume())!
      expect(resume.stream).toBe('2')
      expect([...resume.loads]).toEqual([['app.public.items', progress]])
      expect(resume.tables).toEqual([orders, items])
      expect(resume.identity).toEqual({ system: '4711' })
      expect([...log.tables().keys()].sort()).toEqual([1, 2])
    })

    it('hands out everything that was appended, each key in order', async () => {
      await append(unit(1, 'orders 1 one', 'items 1 a'))
      await append(unit(2, 'orders 1 uno', 'orders 2 two'))
      await append(unit(3, 'orders 1 un', 'items 2 b'))
      const got = rows((await readToEnd(log)).lines)
      expect([...got].sort()).toEqual(
        ['c items 1 a', 'c items 2 b', 'c orders 1 one', 'c orders 1 un', 'c orders 1 uno', 'c orders 2 two'].sort(),
      )
      expect(got.filter(text => text.includes('orders 1'))).toEqual([
        'c orders 1 one',
        'c orders 1 uno',
        'c orders 1 un',
      ])
    })

    it('shows nothing of a unit before its end, and then all of it', async () => {
      await append(unit(1, 'orders 1 one'))
      writer.begin('2', '2', 1n)
      writer.row('c', orders, tuple('2', 'two'))
      expect(await log.append(writer.takePart(), never)).toBeUndefined()
      const before = log.end()!
      expect(rows((await readToEnd(log)).lines)).toEqual(['c orders 1 one'])
      writer.row('c', orders, tuple('3', 'three'))
      writer.commit()
      await append(writer.take({ lane: 'stream', position: '2' as Position }))
      expect(rows((await readToEnd(log, before)).lines).sort()).toEqual(['c orders 2 two', 'c orders 3 three'])
    })

    it('drops a unit that was begun and not ended when the source resumes', async () => {
      await append(unit(1, 'orders 1 one'))
      writer.begin('2', '2', 1n)
      writer.row('c', orders, tuple('2', 'torn'))
      await log.append(writer.takePart(), never)
      expect((await log.resume())?.stream).toBe('1')
      writer = new BatchWriter([orders, items])
      await append(unit(2, 'orders 2 whole'))
      expect(rows((await readToEnd(log)).lines).sort()).toEqual(['c orders 1 one', 'c orders 2 whole'])
    })

    it('goes on behind every cursor it hands out', async () => {
      for (let i = 1; i <= 5; i++) await append(unit(i, `orders ${i} a`, `items ${i} b`, `orders ${10 * i} c`))
      const { lines, cursors } = await readToEnd(log)
      for (const [i, cursor] of cursors.entries()) {
        const rest = await readToEnd(log, cursor)
        expect([...rest.lines].sort()).toEqual(lines.slice(i + 1).sort())
      }
    })

    it('wakes a reader at the end', async () => {
      await append(unit(1, 'orders 1 one'))
      await using reader = new Hand(log, log.end())
      const next = reader.rows()
      await append(unit(2, 'orders 2 two'))
      expect(await next).toEqual(['c orders 2 two'])
    })

    it('lets every reader go at its own pace', async () => {
      await using slow = new Hand(log, 'start', undefined, { maxRows: 1 })
      await append(unit(1, 'orders 1 one', 'orders 2 two'))
      const first = await slow.rows()
      for (let i = 3; i < 20; i++) await append(unit(i, `orders ${i} x`))
      expect(rows((await readToEnd(log)).lines)).toHaveLength(19)
      const got = [...first]
      while (got.length < 19) got.push(...(await slow.rows()))
      expect(new Set(got).size).toBe(19)
    })

    it('orders its cursors, and knows those of another log', async () => {
      const first = await append(unit(1, 'orders 1 one'))
      const second = await append(unit(2, 'orders 2 two'))
      expect([log.compare(first, second), log.compare(second, first), log.compare(first, first)]).toEqual([
        'before',
        'after',
        'equal',
      ])
      await using other = await home.other()
      writer = new BatchWriter()
      const foreign = (await other.append(unit(1, 'orders 1 one'), never))!.cursor
      expect([log.compare(foreign, first), log.compare(first, foreign)]).toEqual(['foreign', 'foreign'])
      await expect(readToEnd(log, foreign)).rejects.toMatchObject({ code: 'CURSOR_FOREIGN' })
      await expect(log.lag(foreign, () => true)).rejects.toMatchObject({ code: 'CURSOR_FOREIGN' })
    })

    it('hands out only the tables asked for, and moves the cursor past the others', async () => {
      await append(unit(1, 'orders 1 one', 'items 1 a'))
      await append(unit(2, 'orders 2 two'))
      const end = await append(unit(3, 'orders 3 three'))
      const { lines, batches } = await readToEnd(log, 'start', known => known.id === items.id)
      expect(rows(lines)).toEqual(['c items 1 a'])
      expect(log.compare(batches.at(-1)!.cursor, end)).toBe('equal')
      expect(await log.lag(batches.at(-1)!.cursor, known => known.id === items.id)).toMatchObject({ records: 0 })
    })

    it('moves the cursor past units that hold no changes', async () => {
      await append(unit(1, 'orders 1 one'))
      await using reader = new Hand(log)
      await reader.rows()
      const end = await append(writer.take({ lane: 'stream', position: '2' as Position }))
      let batch = await reader.next()
      while (log.compare(batch.cursor, end) === 'before') batch = await reader.next()
      expect(log.compare(batch.cursor, end)).toBe('equal')
    })

    it('keeps batches within the rows asked for, and hands a truncate out alone', async () => {
      await append(unit(1, 'orders 1 a', 'orders 2 b', 'orders 3 c', 'orders 4 d', 'orders 5 e'))
      await append(transaction(writer, '2', w => w.truncate(orders)))
      await append(unit(3, 'orders 6 f'))
      const { batches } = await readToEnd(log, 'start', undefined, { maxRows: 2 })
      for (const batch of batches) {
        const lines = linesOf(batch)
        expect(lines.length).toBe(batch.count)
        expect(lines.length).toBeLessThanOrEqual(2)
        if (lines.some(text => text.startsWith('t '))) expect(lines).toHaveLength(1)
      }
    })

    it('keeps both halves of a primary-key change', async () => {
      await append(unit(1, 'orders 1 one'))
      const [from, to] = [keyFromTexts(['1']), keyFromTexts(['2'])]
      await append(
        transaction(writer, '2', w => {
          w.delete(orders, tuple('1', undefined), false, to)
          w.row('u', orders, tuple('2', 'one'), undefined, from)
        }),
      )
      const { lines, seen } = await readToEnd(log)
      const moves = lines.flatMap((text, i) => (seen[i]!.moved === undefined ? [] : [`${text} ${seen[i]!.moved}`]))
      expect(moves.sort()).toEqual([
        `d orders 1 ${Buffer.from(to).toString('hex')}`,
        `u orders 2 one ${Buffer.from(from).toString('hex')}`,
      ])
    })

    it('tells when a position is reached, at once or later, or that nobody waits any more', async () => {
      await append(unit(5, 'orders 1 one'))
      const at = await log.reached('4' as Position, atLeast, never)
      expect(log.compare(at, log.end()!)).toBe('equal')
      const later = log.reached('6' as Position, atLeast, never)
      const sixth = await append(unit(6, 'orders 2 two'))
      await append(unit(7, 'orders 3 three'))
      expect(log.compare(await later, sixth)).toBe('equal')
      const stop = new AbortController()
      const waiting = log.reached('99' as Position, atLeast, stop.signal)
      stop.abort(new Error('enough'))
      await expect(waiting).rejects.toThrow('enough')
    })

    it('notes where another lineage of the source begins, and answers with no position of the one before', async () => {
      const ended = (position: number, lineage?: string): Batch =>
        writer.take({
          lane: 'stream',
          position: String(position) as Position,
          identity: lineage === undefined ? { system: '4711' } : { system: '4711', lineage },
        })
      await append(unit(50, 'orders 1 one', 'items 1 a'))
      await append(ended(90))
      await append(ended(91, '0'))
      expect((await log.resume())!.lineageFrom).toBe(0n)
      const { seen } = await readToEnd(log)
      const stop = new AbortController()
      await append(ended(10, '1'))
      const { lineageFrom } = (await log.resume())!
      expect(lineageFrom >= seen.reduce((most, { version }) => (version > most ? version : most), 0n)).toBe(true)
      const waiting = log.reached('20' as Position, atLeast, stop.signal)
      const twentieth = await append(unit(20, 'orders 2 two'))
      expect(log.compare(await waiting, twentieth)).toBe('equal')
      await append(ended(30, '1'))
      expect((await log.resume())!.lineageFrom).toBe(lineageFrom)
    })

    it('knows whether a reader has something to read', async () => {
      await append(unit(1, 'orders 1 one', 'orders 2 two'))
      const middle = log.end()!
      await append(unit(2, 'orders 3 three'))
      expect((await log.lag(middle, () => true)).records).toBeGreaterThan(0)
      expect(await log.lag(middle, known => known.id === items.id)).toMatchObject({ records: 0 })
      expect(await log.lag(log.end()!, () => true)).toMatchObject({ records: 0 })
      expect(await log.stats()).toMatchObject({ end: log.end(), full: false })
    })

    it('remembers its readers and their cursors', async () => {
      const cursor = await append(unit(1, 'orders 1 one'))
      await log.readers.register('search')
      await log.readers.register('cache')
      expect(await log.readers.load('search')).toBeUndefined()
      await log.readers.save('search', cursor)
      await log.readers.register('search')
      expect(await log.readers.load('search')).toBe(cursor)
      expect((await log.readers.list()).map(reader => reader.name).sort()).toEqual(['cache', 'search'])
      await log.readers.remove('cache')
      await log.readers.save('cache', cursor)
      expect((await log.readers.list()).map(reader => reader.name)).toEqual(['search'])
    })

    it('ends a reading with the reason it was aborted for', async () => {
      const stop = new AbortController()
      const reading = (async () => {
        for await (const batch of log.read('start', () => true, stop.signal)) expect(batch.count).toBe(0)
      })()
      stop.abort(new Error('shutting down'))
      await expect(reading).rejects.toThrow('shutting down')
    })
  })
}
