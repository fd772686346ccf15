import { describe, expect, it } from '@jest/globals'
import type { LoggedChange, SourceLog } from '../../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../../runtime/log/memory/ordered.ts'
import { keyTexts } from '../../../runtime/record/key.ts'
import type { BatchWriter } from '../../../runtime/record/writer.ts'
import { packBatch, SharedPool, unpackBatch } from '../../../runtime/worker/batch.ts'
import { table, transaction, tuple } from '../../support/records.ts'
import {
  COLUMNS,
  deliverShaped,
  FIELDS,
  Kept,
  order,
  orders,
  others,
  RowsSink,
  WHERE,
  writerOf,
} from '../../support/shaped.ts'

async function logOf(
  write: (writer: BatchWriter) => void,
  log: SourceLog = new OrderedMemoryLog(),
): Promise<SourceLog> {
  await log.append(transaction(writerOf(orders, others), '0/1', write), new AbortController().signal)
  return log
}

async function shapedRows(write: (writer: BatchWriter) => void, options: ConstructorParameters<typeof Kept>[0]) {
  const sink = new RowsSink()
  await deliverShaped(await logOf(write), new Kept(options), sink)
  return sink
}

describe('what a sink gets', () => {
  it('are the rows that its condition is true of', async () => {
    const { all, kinds } = await shapedRows(
      w => {
        w.row('c', orders, order(1, 'paid', '10.00'))
        w.row('c', orders, order(2, 'draft', '99'))
        w.row('r', orders, order(3, null, '99'))
        w.row('c', others, tuple('1', 'x'))
        w.row('c', orders, order(4, 'paid', '9.99'))
        w.row('c', orders, order(5, 'paid', null))
      },
      { where: WHERE },
    )
    expect(all).toEqual(['{"id":"1","body":"x"}', '{"note":"{}","id":"1","status":"paid","total":"10.00"}'])
    // What it may have of the others goes.
    expect(kinds).toEqual(['c t1', 'd t2', 'd t3', 'c t1', 'd t4', 'd t5'])
  })

  it('loses a row that is no more of those, and gets one that is now', async () => {
    const { all } = await shapedRows(
      w => {
        w.row('c', orders, order(1, 'paid', '10'))
        w.row('c', orders, order(2, 'draft', '10'))
        w.row('c', orders, order(3, 'paid', '10'))
        w.row('u', orders, order(1, 'draft', '10'))
        w.row('u', orders, order(2, 'paid', '11'))
        w.delete(orders, order(3, null, null), false)
      },
      { where: WHERE },
    )
    expect(all).toEqual(['{"note":"{}","id":"2","status":"paid","total":"11"}'])
  })

  it('are the columns that it asks for, under their new names, with constants and JSON', async () => {
    const { all, tables } = await shapedRows(w => w.row('c', orders, order(7, 'paid', '12.50', '{"a": 1}')), {
      fields: FIELDS,
    })
    expect(all.map(row => JSON.parse(row))).toEqual([
      {
        ...{ sum: '12.50', number: '7', kind: 'order', count: '3', rate: '0.5', open: 't', payload: '{"a": 1}' },
        status: 'paid',
      },
    ])
    const shaped = tables.get('app.public.orders')!
    expect(shaped).toMatchObject({ id: 1, incarnation: 1, version: 1, key: [1] })
    expect(shaped.columns.map(({ type }) => type.kind)).toEqual(
      ['decimal', 'int64', 'text', 'int64', 'decimal', 'boolean', 'json', 'text'], //
    )
    expect(Object.isFrozen(shaped) && Object.isFrozen(shaped.columns[0])).toBe(true)
  })

  it('are all other columns where it says so', async () => {
    const fields = { 'app.public.*': ['id', '*'], 'app.public.orders': [{ state: 'status' }, '*'] }
    const { all } = await shapedRows(
      w => {
        w.row('c', orders, order(7, 'paid', '1'))
        w.row('c', others, tuple('1', 'x'))
      },
      { fields },
    )
    expect(all).toEqual(['{"id":"1","body":"x"}', '{"state":"paid","note":"{}","id":"7","total":"1"}'])
  })

  it.each([
    [{ where: { 'app.public.orders': 'totl > 1' } }, 'has no column "totl"; did you mean "total"?, at character 1'],
    [{ where: { 'app.public.orders': 'status > 1' } }, 'this is not a text'],
    [{ fields: { 'app.public.orders': ['id', 'totl'] } }, 'has no column "totl"; did you mean "total"?'],
    [{ fields: { 'app.public.orders': ['total'] } }, 'the key of app.public.orders is not among them: "id"'],
    [{ fields: { 'app.public.orders': [{ id: { json: 'note' } }] } }, 'is not among them: "id"'],
    [{ fields: { 'app.public.orders': ['id', { id: 'note' }] } }, 'would have two columns "id"'],
    [{ fields: { 'app.public.orders': ['id', { x: { json: 'total' } }] } }, 'is no text that could be JSON'],
  ])('is nothing where %j does not fit the table', async (options, message) => {
    const failing = shapedRows(w => w.row('c', orders, order(1, 'paid', '10')), options)
    await expect(failing).rejects.toMatchObject({ code: 'CONFIG_SHAPE', message: expect.stringContaining(message) })
  })

  it('of a moved key is the delete of the old one, and the new one where the row is still wanted', async () => {
    const { all, kinds } = await shapedRows(
      w => {
        for (const id of [1, 2]) w.row('c', orders, order(id, 'paid', '10'))
        const key = (id: string): Uint8Array =>
          Buffer.concat([Buffer.from([0x74, 0, 0, 0, id.length]), Buffer.from(id)])
        w.delete(orders, order(1, null, null), false, key('11'))
        w.row('u', orders, order(11, 'paid', '20'), undefined, key('1'))
        w.delete(orders, order(2, null, null), false, key('12'))
        w.row('u', orders, order(12, 'draft', '20'), undefined, key('2'))
      },
      { where: WHERE, fields: { 'app.public.orders': ['id', 'total'] } },
    )
    expect(all).toEqual(['{"id":"11","total":"20"}'])
    expect(kinds).toEqual(['d t1', 'u t11', 'd t2', 'd t12'])
  })

  it('of a row that lacks a cell is nothing where that decides, and the rest where it does not', async () => {
    const { all, kinds } = await shapedRows(
      w => {
        w.row('c', orders, order(1, 'paid', '10', '{"old": 1}'))
        w.row('u', orders, order(1, undefined, '11', '{"new": 1}'))
        w.row('u', orders, order(2, undefined, '1'))
        w.row('u', orders, tuple(undefined, '3', 'paid', '10'))
      },
      { where: WHERE },
    )
    expect(kinds).toEqual(['c t1', 'd t2', 'u t3'])
    expect(all).toEqual([
      '{"id":"3","status":"paid","total":"10"}',
      '{"note":"{\\"old\\": 1}","id":"1","status":"paid","total":"10"}',
    ])
  })

  it('keeps places, transactions and times, also split, and in the memory of a thread', async () => {
    const log = await logOf(w => {
      for (let id = 1; id <= 20; id++) w.row('c', orders, order(id, id % 3 === 0 ? 'draft' : 'paid', '10'))
    })
    const shapes = new Kept({ where: WHERE, fields: FIELDS }).shapes()
    await shapes.meet(log.tables())
    const { signal } = new AbortController()
    const read = async () =>
      (
        await log
          .read('start', () => true, signal)
          [Symbol.asyncIterator]()
          .next()
      ).value!
    const told = (batch: Iterable<LoggedChange>) => [
      ...(function* () {
        for (const { version, cursor, transaction: id, commitTime, appendTime, index, kind, key } of batch)
          yield [version, cursor, id, commitTime, appendTime, index, keyTexts(key), kind === 'd'].join()
      })(),
    ]
    const raw = told(await read()).filter(line => !line.endsWith(',,false'))
    const whole = shapes.batch(await read())
    const shaped = told(whole)
    expect(shaped.filter(line => !line.endsWith(',,false')).map(line => line.replace(/true$/, 'false'))).toEqual(raw)
    expect(shaped.filter(line => line.endsWith('true')).length).toBe(6)
    const parts = whole.split(6)
    expect(parts.length).toBeGreaterThan(3)
    expect(parts.flatMap(part => told(part))).toEqual(shaped)
    expect(parts.at(-1)!.cursor).toBe(whole.cursor)
    const packed = packBatch(whole, new SharedPool())
    expect(told(unpackBatch(packed, shapes.tables))).toEqual(shaped)
  })

  it('shares the bytes of a batch in which no table has a shape', async () => {
    const log = await logOf(w => w.row('c', others, tuple('1', 'x')))
    const shapes = new Kept({ where: { 'app.public.none': 'true' } }).shapes()
    await shapes.meet(log.tables())
    const { signal } = new AbortController()
    const { value: batch } = await log
      .read('start', () => true, signal)
      [Symbol.asyncIterator]()
      .next()
    const bytes = batch!.slices[0]!.bytes
    expect(shapes.batch(batch!).slices[0]!.bytes).toBe(bytes)
  })

  it('with every change kept is the delete of a row that leaves, and nothing of one that never was in it', async () => {
    const sink = new RowsSink()
    const log = await logOf(w => {
      w.row('c', orders, order(1, 'paid', '10'))
      w.row('c', orders, order(2, 'draft', '10'))
      w.row('u', orders, order(2, 'draft', '11'), order(2, 'draft', '10'))
      w.row('u', orders, order(1, 'draft', '10'), order(1, 'paid', '10'))
      w.delete(orders, order(2, 'draft', '11'), true)
      w.row('u', orders, order(3, 'draft', '10'))
      w.truncate(orders)
    })
    await deliverShaped(log, new Kept({ where: WHERE }), sink, { reads: 'history' })
    // Of the third it is not known.
    expect(sink.kinds).toEqual(['c t1', 'd t1', 'd t3', 't '])
  })

  it('has no rows of a table without a key that are not wanted', async () => {
    const keyless = table('events', { id: 3, columns: COLUMNS, key: [], appendOnly: true })
    const log = new OrderedMemoryLog()
    const write = (w: BatchWriter): void => {
      w.row('c', keyless, order(1, 'paid', '10'))
      w.row('c', keyless, order(2, 'draft', '10'))
    }
    await log.append(transaction(writerOf(keyless), '0/1', write))
    const sink = new RowsSink()
    await deliverShaped(log, new Kept({ where: { 'app.*.*': WHERE['app.public.orders'] } }), sink)
    expect(sink.kinds).toEqual(['c '])
  })

  it('takes a row as marked that leaves, where deletes are marked, and keeps what it had before', async () => {
    const sink = new RowsSink()
    const log = await logOf(w => {
      w.row('c', orders, order(1, 'paid', '10'))
      w.row('u', orders, order(1, 'draft', '10'))
    })
    await deliverShaped(log, new Kept({ where: WHERE }), sink, { coalesce: true, deletes: false })
    expect(sink.kinds).toEqual(['c t1', 'd t1'])
  })
})
