import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Batch, Position, RowStates, SourceLog, Table } from '../../runtime/contract.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { table, transaction, tuple } from '../support/records.ts'
import type { LogHome } from './log.ts'

const orders = table('orders')
const items = table('items', { id: 2 })
/** `orders`, dropped and made again. */
const remade = table('orders', { id: 3, incarnation: 2 })
const never = new AbortController().signal
const progress = { done: false, rows: 0, totalRows: null, state: '' }

type Rows = readonly (readonly [key: string, body: string | undefined])[]

/** What a log promises beyond the contract if it looks up by key: what loads and passes need. */
export function indexedLogContract(name: string, makeHome: () => Promise<LogHome>): void {
  describe(`${name} asked by key`, () => {
    let home: LogHome
    let log: SourceLog
    let writer: BatchWriter
    let position = 0

    beforeEach(async () => {
      home = await makeHome()
      log = await home.open()
      writer = new BatchWriter()
      for (const known of [orders, items]) writer.announce(known)
      position = 0
    })
    afterEach(async () => {
      await log[Symbol.asyncDispose]()
      await home[Symbol.asyncDispose]()
    })

    const append = async (write: (to: BatchWriter) => void): Promise<void> => {
      await log.append(transaction(writer, String(++position), write), never)
    }
    const put = (kind: 'c' | 'u', of: Table, ...rows: Rows): Promise<void> =>
      append(to => {
        for (const row of rows) to.row(kind, of, tuple(...row))
      })
    /** A chunk of a load. */
    const chunk = (of: Table, rows: Rows, truncate = false): Batch => {
      const from = new BatchWriter([...writer.registry.values()])
      from.beginLoad('0', 1n)
      if (truncate) from.truncate(of)
      for (const row of rows) from.row('r', of, tuple(...row))
      from.commit()
      return from.take({ lane: `load:${of.name}`, progress })
    }
    const tell = (states: RowStates): string[] =>
      Array.from({ length: states.count }, (_, i) => `${states.state(i)} ${states.transaction(i) ?? '-'}`)
    const stateOf = async (of: Table, ...rows: Rows): Promise<string[]> => tell(await log.states!(chunk(of, rows)))
    const unseen = async (of: Table, pass: string, limit = 100, after?: Uint8Array): Promise<string[]> =>
      (await log.passes!.unseen(of, pass, after, limit)).map(({ key }) => keyTexts(key)[0]!)

    it('knows no key of an empty log, nor of a table it never met', async () => {
      expect(await stateOf(orders, ['1', 'one'], ['2', null as never])).toEqual(['none -', 'none -'])
      await put('c', orders, ['1', 'one'])
      expect(await stateOf(items, ['1', 'one'])).toEqual(['none -'])
      writer.announce(remade)
      expect(await stateOf(remade, ['1', 'one'])).toEqual(['none -'])
    })

    it('tells rows that are the same from others, from incomplete and from deleted ones, and who wrote them', async () => {
      await put('c', orders, ['1', 'one'], ['2', 'two'], ['3', 'three'])
      await put('u', orders, ['2', 'zwei'], ['4', undefined])
      await append(to => to.delete(orders, tuple('3', undefined), false))
      await log.append(chunk(orders, [['5', 'five']]), never)
      const rows = ['1 one', '1 uno', '2 two', '2 zwei', '3 three', '4 four', '5 five', '5 fünf', '6 six']
      expect(await stateOf(orders, ...rows.map(row => row.split(' ') as [string, string]))).toEqual([
        'same 1',
        'different 1',
        'different 2',
        'same 2',
        'deleted 3',
        'incomplete 2',
        'same -',
        'different -',
        'none -',
      ])
    })

    it('tells the version of the newest change', async () => {
      await put('c', orders, ['1', 'one'], ['2', 'two'])
      await put('u', orders, ['1', 'uno'])
      const states = await log.states!(
        chunk(orders, [
          ['1', 'x'],
          ['2', 'x'],
          ['3', 'x'],
        ]),
      )
      const newest = await log.newest!(orders, tuple('1').bytes)
      expect(states.version(0)).toBe(newest!.version)
      expect(states.version(1) < states.version(0)).toBe(true)
      expect(states.version(2)).toBe(0n)
    })

    it('places its answers as the changes of the batch are iterated', async () => {
      await put('c', orders, ['1', 'one'])
      const batch = chunk(orders, [['1', 'one']], true)
      expect(Array.from(batch, ({ kind }) => kind)).toEqual(['t', 'r'])
      expect(tell(await log.states!(batch))).toEqual(['none -', 'same 1'])
    })

    it('knows nothing of keys that a truncate has ended, and names the newest truncate', async () => {
      await put('c', orders, ['1', 'one'], ['2', 'two'])
      expect((await log.states!(chunk(orders, []))).truncated).toBeUndefined()
      await append(to => {
        to.truncate(orders)
        to.row('c', orders, tuple('2', 'two'))
      })
      expect(await stateOf(orders, ['1', 'one'], ['2', 'two'])).toEqual(['none -', 'same 2'])
      const { truncated } = await log.states!(chunk(orders, [['1', 'one']]))
      expect(truncated?.transaction).toBe('2')
      expect(truncated!.version < (await log.newest!(orders, tuple('2').bytes))!.version).toBe(true)
      expect((await log.states!(chunk(items, [['1', 'one']]))).truncated).toBeUndefined()
      await log.append(chunk(orders, [], true), never)
      const byLoad = (await log.states!(chunk(orders, [['2', 'two']]))).truncated!
      expect([byLoad.transaction, byLoad.version > truncated!.version]).toEqual([undefined, true])
    })

    it('keeps the incarnations of a table apart', async () => {
      await put('c', orders, ['1', 'one'])
      writer.announce(remade)
      await put('c', remade, ['2', 'two'])
      expect(await stateOf(remade, ['1', 'one'], ['2', 'two'])).toEqual(['none -', 'same 2'])
    })

    it('sees all that is durable when it is asked, and nothing of a unit that is being written', async () => {
      for (let i = 0; i < 60; i++) {
        await put('u', orders, ['1', `${i}`])
        expect(await stateOf(orders, ['1', `${i}`])).toEqual([`same ${i + 1}`])
      }
      writer.begin('open', '99', 1n)
      writer.row('u', orders, tuple('1', 'open'))
      await log.append(writer.takePart(), never)
      expect(await stateOf(orders, ['1', '59'])).toEqual(['same 60'])
      writer.commit()
      await log.append(writer.take({ lane: 'stream', position: '99' as Position }), never)
      expect(await stateOf(orders, ['1', 'open'])).toEqual(['same open'])
    })

    it('finds the keys of incomplete rows, in pages', async () => {
      const rows = Array.from({ length: 9 }, (_, i) => [`${i}`, undefined] as const)
      await put('u', orders, ...rows)
      await put('u', orders, ['3', 'whole'])
      await append(to => to.delete(orders, tuple('4', undefined), false))
      const list = async (after: Uint8Array | undefined, limit: number): Promise<string[]> =>
        (await log.incompleteKeys!(orders, after, limit)).map(key => keyTexts(key)[0]!)
      expect(await list(undefined, 3)).toEqual(['0', '1', '2'])
      expect(await list(tuple('2').bytes, 100)).toEqual(['5', '6', '7', '8'])
      expect(await log.incompleteKeys!(items, undefined, 10)).toEqual([])
      await append(to => to.truncate(orders))
      expect(await list(undefined, 100)).toEqual([])
    })

    it('notes what a pass has seen, and finds what it has not', async () => {
      await put('c', orders, ['1', 'one'], ['2', 'two'], ['3', 'three'], ['4', 'four'])
      await put('c', items, ['9', 'nine'])
      expect(await log.passes!.has(orders, 'a')).toBe(false)
      const since = await log.passes!.begin(orders, 'a')
      expect(await unseen(orders, 'a')).toEqual(['1', '2', '3', '4'])
      await log.states!(
        chunk(orders, [
          ['2', 'two'],
          ['5', 'new'],
        ]),
        'a',
      )
      expect(await log.passes!.has(orders, 'a')).toBe(true)
      expect(await unseen(orders, 'a')).toEqual(['1', '3', '4'])
      expect(await unseen(orders, 'a', 1, tuple('1').bytes)).toEqual(['3'])
      await append(to => to.delete(orders, tuple('3', undefined), false))
      await put('c', orders, ['6', 'six'])
      const [first, , last] = await log.passes!.unseen(orders, 'a', undefined, 10)
      expect([first?.transaction, last?.transaction]).toEqual(['1', String(position)])
      expect([first!.version <= since, last!.version > since]).toEqual([true, true])
      expect(last!.version).toBe((await log.newest!(orders, tuple('6').bytes))!.version)
      await append(to => to.truncate(orders))
      expect(await unseen(orders, 'a')).toEqual([])
    })

    it('forgets a pass that has ended, or was followed by another', async () => {
      await put('c', orders, ['1', 'one'])
      await put('c', items, ['1', 'one'])
      await log.passes!.begin(orders, 'a')
      await log.passes!.begin(items, 'a')
      await log.states!(chunk(orders, [['1', 'one']]), 'a')
      await log.passes!.begin(orders, 'b')
      const known = () =>
        Promise.all([log.passes!.has(orders, 'a'), log.passes!.has(orders, 'b'), log.passes!.has(items, 'a')])
      expect(await known()).toEqual([false, true, true])
      expect(await unseen(orders, 'b')).toEqual(['1'])
      await expect(log.states!(chunk(orders, [['1', 'one']]), 'a')).rejects.toMatchObject({ code: 'LOG_PASS_LOST' })
      await expect(unseen(orders, 'a')).rejects.toMatchObject({ code: 'LOG_PASS_LOST', recovery: 'retry' })
      await log.passes!.end(orders, 'b')
      expect(await known()).toEqual([false, false, true])
      writer.announce(remade)
      await log.passes!.begin(remade, 'c')
      await log.passes!.begin(orders, 'd')
      expect(await log.passes!.has(remade, 'c')).toBe(false)
    })
  })
}
