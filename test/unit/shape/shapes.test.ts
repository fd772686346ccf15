import { describe, expect, it } from '@jest/globals'
import type { LoggedChange, SourceLog, Table } from '../../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../../runtime/log/memory/ordered.ts'
import { PartitionedMemoryLog } from '../../../runtime/log/memory/partitioned.ts'
import { keyTexts } from '../../../runtime/record/key.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { heldTable } from '../../../runtime/shape/memory.ts'
import { packBatch, SharedPool, unpackBatch } from '../../../runtime/worker/batch.ts'
import { Random } from '../../crash/random.ts'
import { column, table, transaction, tuple } from '../../support/records.ts'
import { deliverShaped, Kept, RowsSink } from '../../support/shaped.ts'

const COLUMNS = [column('note'), column('id', 'int64'), column('status'), column('total', 'decimal')]
const orders = table('orders', { columns: COLUMNS, key: [1] })
const others = table('others', { id: 2 })
const WHERE = { 'app.public.orders': "status <> 'draft' and total >= 10" }
const FIELDS = {
  'app.public.orders': [
    { sum: 'total' },
    { number: 'id' },
    { kind: { value: 'order' } },
    { count: { value: 3 } },
    { rate: { value: 0.5 } },
    { open: { value: true } },
    { payload: { json: 'note' } },
    'status',
  ],
}
const order = (id: number | string, status: string | null | undefined, total: string | null | undefined, note = '{}') =>
  tuple(note, String(id), status, total)

function writerOf(...tables: Table[]): BatchWriter {
  const writer = new BatchWriter()
  for (const one of tables) writer.announce(one)
  return writer
}

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

describe.each([
  ['ordered', () => new OrderedMemoryLog()],
  ['partitioned', () => new PartitionedMemoryLog()],
])('a sink of a log that is %s', (_, open) => {
  it('holds what the condition is true of after any changes, cuts and restarts', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = new Random(seed)
      const log = open()
      const writer = writerOf(orders, others)
      const source = new Map<number, readonly [string | null, string]>()
      const kept = new Kept({ where: WHERE, fields: { 'app.public.orders': [{ number: 'id' }, { sum: 'total' }] } })
      const sink = new RowsSink()
      for (let unit = 1; unit <= 30; unit++) {
        const batch = transaction(writer, `0/${unit}`, w => {
          for (let i = random.between(1, 12); i > 0; i--) {
            const id = random.between(1, 15)
            const row = [[null, 'draft', 'paid'][random.between(0, 3)]!, String(random.between(5, 15))] as const
            if (random.between(0, 60) === 0) {
              w.truncate(orders)
              source.clear()
            } else if (source.has(id) && random.between(0, 4) === 0) {
              w.delete(orders, order(id, null, null), false)
              source.delete(id)
            } else {
              w.row(source.has(id) ? 'u' : 'c', orders, order(id, ...row))
              source.set(id, row)
            }
          }
        })
        await log.append(batch)
        if (random.between(0, 3) !== 0) continue
        sink.failAt = random.between(0, 3)
        await deliverShaped(log, kept, sink, { limits: { maxRows: random.between(1, 20) } }).catch(() => {})
        sink.failAt = undefined
      }
      await deliverShaped(log, kept, sink)
      const wanted = [...source].filter(([, [status, total]]) => status === 'paid' && Number(total) >= 10)
      expect(sink.all).toEqual(wanted.map(([id, [, sum]]) => JSON.stringify({ number: String(id), sum })).toSorted())
    }
  })
})

describe('schemaChanges', () => {
  const wider = table('others', { id: 4, version: 2, columns: [...others.columns, column('more')] })

  /** The narrow table, delivered; then the wider one. */
  async function changed(kept: Kept, sink: RowsSink): Promise<SourceLog> {
    const log = new OrderedMemoryLog()
    const writer = writerOf(others)
    await log.append(transaction(writer, '0/1', w => w.row('c', others, tuple('1', 'x'))))
    await deliverShaped(log, kept, sink)
    writer.announce(wider)
    await log.append(transaction(writer, '0/2', w => w.row('c', wider, tuple('2', 'y', 'z'))))
    return log
  }

  it('evolve: the sink gets the new column', async () => {
    const [kept, sink] = [new Kept({ schemaChanges: 'evolve', where: { 'app.public.others': 'true' } }), new RowsSink()]
    await deliverShaped(await changed(kept, sink), kept, sink)
    expect(sink.all).toEqual(['{"id":"1","body":"x"}', '{"id":"2","body":"y","more":"z"}'])
  })

  it('ignore: it does not, also when it is built anew', async () => {
    const [kept, sink] = [new Kept({ schemaChanges: 'ignore' }), new RowsSink()]
    const log = await changed(kept, sink)
    const narrow = ['{"id":"1","body":"x"}', '{"id":"2","body":"y"}']
    for (const one of [sink, new RowsSink()]) {
      await deliverShaped(log, kept, one)
      expect(one.all).toEqual(narrow)
    }
  })

  it('stop: it stops at it, naming table and columns, until that is accepted', async () => {
    const [kept, sink] = [new Kept({ schemaChanges: 'stop' }), new RowsSink()]
    const log = await changed(kept, sink)
    await expect(deliverShaped(log, kept, sink)).rejects.toMatchObject({
      code: 'SCHEMA_CHANGED',
      message: 'The columns of app.public.others have changed (new: more).',
    })
    expect(sink.all).toEqual(['{"id":"1","body":"x"}'])
    kept.held = { ...kept.held, tables: { [wider.name]: heldTable(wider) } }
    await deliverShaped(log, kept, sink)
    expect(sink.all.at(-1)).toBe('{"id":"2","body":"y","more":"z"}')
  })

  it('looks for a column of a condition at the newest version, and takes it for NULL before', async () => {
    const sink = new RowsSink()
    const log = await changed(new Kept({}), new RowsSink())
    await deliverShaped(log, new Kept({ where: { 'app.public.others': 'more is null' } }), sink)
    expect(sink.all).toEqual(['{"id":"1","body":"x"}'])
  })
})
