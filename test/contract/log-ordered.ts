import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Position, SourceLog } from '../../runtime/contract.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { readToEnd, rows } from '../support/log-reading.ts'
import { table, transaction, tuple } from '../support/records.ts'
import type { LogHome } from './log.ts'

const orders = table('orders')
const never = new AbortController().signal

/** What a log promises beyond the contract if it keeps the source's own order and transactions. */
export function orderedLogContract(name: string, makeHome: () => Promise<LogHome>): void {
  describe(`${name} in the source's order`, () => {
    let home: LogHome
    let log: SourceLog
    let writer: BatchWriter

    beforeEach(async () => {
      home = await makeHome()
      log = await home.open()
      writer = new BatchWriter()
      writer.announce(orders)
    })
    afterEach(async () => {
      await log[Symbol.asyncDispose]()
      await home[Symbol.asyncDispose]()
    })

    /** One unit with a transaction of each size. */
    const append = async (position: number, sizes: readonly number[]): Promise<void> => {
      for (const [i, size] of sizes.entries()) {
        writer.begin(`${position}.${i}`, `${position}`, BigInt(position))
        for (let row = 0; row < size; row++) writer.row('c', orders, tuple(`${position}${i}${row}`, 'x'))
        writer.commit()
      }
      await log.append(writer.take({ lane: 'stream', position: String(position) as Position }), never)
    }

    it('hands changes out as they were written, with growing versions', async () => {
      await append(1, [2, 1])
      await append(2, [1, 2])
      const { lines, seen } = await readToEnd(log)
      expect(rows(lines)).toEqual(['100', '101', '110', '200', '210', '211'].map(id => `c orders ${id} x`))
      const versions = seen.map(change => change.version)
      expect(versions).toEqual([...versions].sort((x, y) => (x < y ? -1 : 1)))
      expect(new Set(versions).size).toBe(versions.length)
    })

    it('cuts at transaction ends where they fit, and says where they do not', async () => {
      await append(1, [2, 2])
      await append(2, [5])
      const { batches } = await readToEnd(log, 'start', undefined, { maxRows: 3 })
      const parts = batches.filter(batch => batch.count > 0).map(batch => [batch.count, batch.endsTransaction])
      expect(parts).toEqual([
        [3, true],
        [2, true],
        [3, false],
        [2, true],
      ])
    })

    it('tells the transaction of every change, also behind a cut and behind a cursor', async () => {
      await append(1, [3])
      await append(2, [4])
      const { seen, cursors } = await readToEnd(log, 'start', undefined, { maxRows: 2 })
      const told = seen.map(change => change.transaction)
      expect(told.slice(1)).toEqual(['1.0 1 0', '1.0 1 1', '1.0 1 2', '2.0 2 0', '2.0 2 1', '2.0 2 2', '2.0 2 3'])
      const rest = await readToEnd(log, cursors.at(-2)!)
      expect(rest.seen.map(change => change.transaction)).toEqual(['2.0 2 3'])
    })

    it('reads a transaction that was written in parts as one', async () => {
      writer.begin('9', '9', 9n)
      for (let row = 0; row < 6; row++) {
        writer.row('c', orders, tuple(String(row), 'x'.repeat(400)))
        if (row % 2 === 1) await log.append(writer.takePart(), never)
      }
      writer.commit()
      await log.append(writer.take({ lane: 'stream', position: '9' as Position }), never)
      const { batches, cursors, seen } = await readToEnd(log)
      expect(seen.slice(1).map(change => change.transaction)).toEqual([0, 1, 2, 3, 4, 5].map(index => `9 9 ${index}`))
      expect(batches.at(-1)!.endsTransaction).toBe(true)
      for (const [i, cursor] of cursors.entries())
        expect(rows((await readToEnd(log, cursor)).lines)).toHaveLength(cursors.length - 1 - i)
    })

    it('stamps every change with the time it was appended', async () => {
      const before = BigInt(Date.now()) * 1000n
      await append(1, [1])
      const after = BigInt(Date.now()) * 1000n
      for (const { appendTime } of (await readToEnd(log)).seen)
        expect(appendTime >= before && appendTime <= after).toBe(true)
    })

    it('tells the changes of a new lineage from those before by their versions', async () => {
      await append(1, [2])
      await log.append(
        transaction(writer, '7', to => to.row('c', orders, tuple('7', 'x')), 1n, { lineage: '3' }),
        never,
      )
      await append(2, [1])
      const { lineageFrom } = (await log.resume())!
      const { seen } = await readToEnd(log)
      expect(seen.map(({ version }) => version <= lineageFrom)).toEqual([true, true, true, false, false])
    })

    it('counts exactly what a reader has not read yet', async () => {
      await append(1, [2])
      const middle = log.end()!
      await append(2, [3, 1])
      expect(await log.lag(middle, () => true)).toMatchObject({ records: 4, oldestCommitTime: 2n })
      expect(await log.lag(middle, () => false)).toMatchObject({ records: 0 })
      expect(await log.lag('start', () => true)).toMatchObject({ records: 7 })
      expect(await log.stats()).toMatchObject({ records: 7 })
    })
  })
}
