import { describe, expect, it } from '@jest/globals'
import { databaseOf, type FeedRequest, type FeedSource, feed } from '../../runtime/change-feed.ts'
import type { Column, Table } from '../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { encodeCells } from '../../runtime/record/cells.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { VERSION } from '../../runtime/version.ts'

const column = (name: string, kind: 'int64' | 'text' | 'decimal'): Column => ({
  name,
  type: { kind },
  declared: kind,
  nullable: true,
})

function table(source: string, name = 'orders', key: number[] = [0]): Table {
  return {
    id: 1,
    name: `${source}.public.${name}`,
    source,
    schema: 'public',
    table: name,
    incarnation: 1,
    version: 1,
    columns: [column('id', 'int64'), column('note', 'text'), column('price', 'decimal')],
    key,
    appendOnly: key.length === 0,
    origin: '',
  }
}

const tuple = (...values: (string | null)[]) => {
  const bytes = encodeCells(values)
  return { bytes, at: 0, end: bytes.length }
}

/** A log with one change of each kind. */
async function filledLog(source = 'app'): Promise<OrderedMemoryLog> {
  const log = new OrderedMemoryLog()
  const orders = table(source)
  const writer = new BatchWriter()
  writer.announce(orders)
  writer.beginLoad('0/10', 1_700_000_000_000_000n)
  writer.row('r', orders, tuple('1', 'first', '1.50'))
  writer.commit()
  await log.append(
    writer.take({ lane: `load:${orders.name}`, progress: { done: true, rows: 1, totalRows: 1, state: '' } }),
  )
  writer.begin('571', '16/B374D848', 1_700_000_001_234_567n)
  writer.row('c', orders, tuple('9007199254740993', 'a "quoted"\nnote', null))
  writer.row('u', orders, tuple('1', 'second', '2.00'), tuple('1', 'first', '1.50'))
  writer.delete(orders, tuple('1', null, null), false)
  writer.truncate(orders)
  writer.commit()
  await log.append(writer.take({ lane: 'stream', position: '16/B374D848' as never }))
  return log
}

const source = (log: OrderedMemoryLog, name = 'app'): FeedSource => ({ name, type: 'postgres', database: 'shop', log })

async function lines(
  sources: FeedSource[],
  request: Partial<FeedRequest> = {},
): Promise<{ text: string; cursor: string }[]> {
  const found: { text: string; cursor: string }[] = []
  const take = ({ bytes, cursor }: { bytes: Uint8Array; cursor: string }) => {
    found.push({ text: Buffer.from(bytes).toString(), cursor })
  }
  await feed(sources, { from: 'start', follow: false, ...request }, take, AbortSignal.timeout(5000))
  return found
}

describe('the feed of changes', () => {
  it("gives each change as Debezium's envelope, in the log's order", async () => {
    const found = await lines([source(await filledLog())])
    const events = found.map(({ text }) => JSON.parse(text))
    expect(events.map(event => event.value.op)).toEqual(['r', 'c', 'u', 'd', 't'])
    expect(events.map(event => event.table)).toEqual(Array(5).fill('app.public.orders'))
    expect(events[0]).toEqual({
      cursor: found[0]!.cursor,
      table: 'app.public.orders',
      key: { id: 1 },
      value: {
        before: null,
        after: { id: 1, note: 'first', price: '1.50' },
        source: {
          version: VERSION,
          connector: 'postgresql',
          name: 'app',
          db: 'shop',
          ts_ms: 1_700_000_000_000,
          snapshot: 'true',
          schema: 'public',
          table: 'orders',
          txId: null,
          lsn: 16,
        },
        op: 'r',
        ts_ms: expect.any(Number),
        transaction: null,
      },
    })
    expect(events[1].value).toMatchObject({
      before: null,
      source: { txId: 571, lsn: 0x16b374d848, snapshot: 'false', ts_ms: 1_700_000_001_234 },
      transaction: { id: '571', total_order: 1 },
    })
    expect(events[2].value).toMatchObject({
      before: { id: 1, note: 'first', price: '1.50' },
      after: { id: 1, note: 'second', price: '2.00' },
      transaction: { id: '571', total_order: 2 },
    })
    expect(events[3]).toMatchObject({ key: { id: 1 }, value: { before: { id: 1 }, after: null } })
    expect(events[4]).toMatchObject({ key: null, value: { before: null, after: null } })
  })

  it('keeps every digit of a 64-bit integer and every character of a text', async () => {
    const [, created] = await lines([source(await filledLog())])
    expect(created!.text).toContain('"key":{"id":9007199254740993}')
    expect(created!.text).toContain('"after":{"id":9007199254740993,"note":"a \\"quoted\\"\\nnote","price":null}')
  })

  it('goes on behind a cursor that it gave out', async () => {
    const log = await filledLog()
    const all = await lines([source(log)])
    for (let i = 0; i < all.length; i++)
      expect((await lines([source(log)], { from: all[i]!.cursor })).map(line => line.text)).toEqual(
        all.slice(i + 1).map(line => line.text),
      )
  })

  it('goes on behind a cursor of several sources, in each of them', async () => {
    const sources = [source(await filledLog('one'), 'one'), source(await filledLog('two'), 'two')]
    const all = await lines(sources)
    expect(all).toHaveLength(10)
    const texts = (found: { text: string }[]) => found.map(({ text }) => text.slice(text.indexOf('"table"'))).toSorted()
    for (let i = 0; i < all.length; i++)
      expect(texts(await lines(sources, { from: all[i]!.cursor }))).toEqual(texts(all.slice(i + 1)))
  })

  it('narrows to tables, a key and a time', async () => {
    const log = await filledLog()
    expect(await lines([source(log)], { tables: ['app.public.other', 'app.*.o*'] })).toHaveLength(5)
    expect(await lines([source(log)], { tables: ['app.public.other'] })).toHaveLength(0)
    expect((await lines([source(log)], { key: '1' })).map(({ text }) => JSON.parse(text).value.op)).toEqual([
      'r',
      'u',
      'd',
    ])
    expect(await lines([source(log)], { since: BigInt(Date.now() + 60_000) * 1000n })).toHaveLength(0)
  })

  it('encodes rows larger than its buffer', async () => {
    const log = new OrderedMemoryLog()
    const writer = new BatchWriter()
    const orders = table('app')
    writer.announce(orders)
    writer.begin('1', '0/20', 0n)
    writer.row('c', orders, tuple('1', 'x'.repeat(200_000), null))
    writer.commit()
    await log.append(writer.take({ lane: 'stream', position: '0/20' as never }))
    const [line] = await lines([source(log)])
    expect(JSON.parse(line!.text).value.after.note).toHaveLength(200_000)
  })

  it('follows the end until it is aborted, and only what is new if it began there', async () => {
    const log = await filledLog()
    const abort = new AbortController()
    const seen: string[] = []
    const following = feed(
      [source(log)],
      { from: 'end', follow: true },
      ({ bytes }) => {
        seen.push(JSON.parse(Buffer.from(bytes).toString()).value.op)
        abort.abort(new Error('enough'))
      },
      abort.signal,
    )
    const writer = new BatchWriter([table('app')])
    writer.begin('2', '16/B374D900', 0n)
    writer.row('c', table('app'), tuple('5', 'new', null))
    writer.commit()
    await log.append(writer.take({ lane: 'stream', position: '16/B374D900' as never }))
    await expect(following).rejects.toThrow('enough')
    expect(seen).toEqual(['c'])
  })

  it("refuses another log's cursor", async () => {
    const [{ cursor } = { cursor: '' }] = await lines([source(await filledLog())])
    const other = await filledLog()
    await expect(lines([source(other)], { from: cursor })).rejects.toMatchObject({ code: 'CURSOR_FOREIGN' })
    await expect(lines([source(other)], { from: 'a b' })).rejects.toMatchObject({ code: 'CURSOR_FOREIGN' })
  })

  it('ends at once on an empty log', async () => {
    expect(await lines([source(new OrderedMemoryLog())])).toEqual([])
  })

  it("takes the database's name from the source's URL", () => {
    expect(databaseOf({ url: 'postgres://u:p@h:1/my%20shop?sslmode=disable' })).toBe('my shop')
    expect(databaseOf({ url: 'postgres://u:p@h' })).toBeNull()
    expect(databaseOf({})).toBeNull()
  })
})
