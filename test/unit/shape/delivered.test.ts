import { describe, expect, it } from '@jest/globals'
import type { SourceLog } from '../../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../../runtime/log/memory/ordered.ts'
import { PartitionedMemoryLog } from '../../../runtime/log/memory/partitioned.ts'
import { heldTable } from '../../../runtime/shape/memory.ts'
import { Random } from '../../crash/random.ts'
import { column, table, transaction, tuple } from '../../support/records.ts'
import { deliverShaped, Kept, order, orders, others, RowsSink, WHERE, writerOf } from '../../support/shaped.ts'

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
