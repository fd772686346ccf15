import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import type { Cursor, LogBatch, Sink, Table } from '../../runtime/contract.ts'
import type { Delivery } from '../../runtime/deliver/delivery.ts'
import type { DeliveryProgress } from '../../runtime/deliver.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { delivered, deliveryFrom } from '../support/delivery.ts'
import { table, told, transaction, tuple } from '../support/records.ts'

const orders = table('orders')

/** Notes what it is told, in order. */
class NotingSink implements Sink {
  readonly notes: string[] = []
  stored: Cursor | undefined
  tooLargeFrom = Number.POSITIVE_INFINITY

  async write(batch: LogBatch, _signal: AbortSignal, skip?: ReadonlySet<number>): Promise<{ rejected: [] }> {
    if (batch.count >= this.tooLargeFrom) throw new TailraceError('SINK_BATCH_TOO_LARGE', 'stop', 'too large')
    told(batch).forEach((line, i) => {
      if (!skip?.has(i) && !line.startsWith('s ')) this.notes.push(line)
    })
    this.stored = batch.cursor
    return { rejected: [] }
  }

  async truncate({ table }: Table): Promise<void> {
    this.notes.push(`empty ${table}`)
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.stored
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const run = (log: OrderedMemoryLog, sink: Sink, over: Partial<Delivery> = {}): Promise<DeliveryProgress> =>
  delivered(deliveryFrom(log, { coalesce: false, ...over }), sink)

function writerOf(...tables: Table[]): BatchWriter {
  const writer = new BatchWriter()
  for (const one of tables) writer.announce(one)
  return writer
}

describe('deliver', () => {
  it('goes on at the cursor that the target keeps', async () => {
    const log = new OrderedMemoryLog()
    const writer = writerOf(orders)
    await log.append(transaction(writer, '0/1', w => w.row('c', orders, tuple('1', 'a'))))
    const sink = new NotingSink()
    await run(log, sink)
    await log.append(transaction(writer, '0/2', w => w.row('c', orders, tuple('2', 'b'))))
    const progress = await run(log, sink)
    expect(sink.notes).toEqual(['empty orders', 'c 1 a', 'c 2 b'])
    expect(progress.applied).toBe(1)
  })

  it('is live on a log that is written to without a pause', async () => {
    const log = new OrderedMemoryLog()
    const writer = writerOf(orders)
    let id = 0
    const append = (): Promise<unknown> =>
      log.append(transaction(writer, `0/${++id}`, w => w.row('c', orders, tuple(String(id), 'a'))))
    await append()
    class SlowSink extends NotingSink {
      override async write(batch: LogBatch): Promise<{ rejected: [] }> {
        await append()
        await setImmediate()
        return await super.write(batch, new AbortController().signal)
      }
    }
    const progress = await delivered(deliveryFrom(log), new SlowSink(), (each, signal) => each.becameLive(signal))
    expect(log.compare(progress.cursor!, log.end()!)).toBe('before')
  })

  it('builds a sink anew whose cursor is of another log', async () => {
    const log = new OrderedMemoryLog()
    await log.append(transaction(writerOf(orders), '0/1', w => w.row('c', orders, tuple('1', 'a'))))
    const sink = new NotingSink()
    sink.stored = 'another.log:7' as Cursor
    await run(log, sink)
    expect(sink.notes).toEqual(['empty orders', 'c 1 a'])
  })

  it('empties the table at a truncate, in order, and never coalesces across it', async () => {
    const log = new OrderedMemoryLog()
    const write = (w: BatchWriter): void => {
      w.row('c', orders, tuple('1', 'a'))
      w.truncate(orders)
      w.row('c', orders, tuple('1', 'b'))
      w.row('u', orders, tuple('1', 'c'))
    }
    await log.append(transaction(writerOf(orders), '0/1', write))
    const sink = new NotingSink()
    await run(log, sink, { coalesce: true })
    expect(sink.notes).toEqual(['empty orders', 'c 1 a', 'empty orders', 'u 1 c'])
  })

  it('tells a sink of history every change and the truncate itself', async () => {
    const log = new OrderedMemoryLog()
    const write = (w: BatchWriter): void => {
      w.row('c', orders, tuple('1', 'a'))
      w.row('u', orders, tuple('1', 'b'))
      w.truncate(orders)
    }
    await log.append(transaction(writerOf(orders), '0/1', write))
    const sink = new NotingSink()
    await run(log, sink, { coalesce: true, reads: 'history' })
    expect(sink.notes).toEqual(['empty orders', 'c 1 a', 'u 1 b', 't orders'])
  })

  it('keeps the last whole change per key, and what an incomplete one builds on', async () => {
    const log = new OrderedMemoryLog()
    const write = (w: BatchWriter): void => {
      w.row('c', orders, tuple('1', 'a'))
      w.row('u', orders, tuple('1', 'b'))
      w.row('u', orders, tuple('1', undefined))
      w.row('c', orders, tuple('2', 'x'))
      w.delete(orders, tuple('2', null), false)
    }
    await log.append(transaction(writerOf(orders), '0/1', write))
    const sink = new NotingSink()
    await run(log, sink, { coalesce: true })
    expect(sink.notes).toEqual(['empty orders', 'u 1 b', 'u 1 null', 'd 2'])
  })

  it('keeps the row that a delete leaves standing, where deletes are ignored or marked', async () => {
    const log = new OrderedMemoryLog()
    const write = (w: BatchWriter): void => {
      w.row('c', orders, tuple('1', 'a'))
      w.delete(orders, tuple('1', null), false)
    }
    await log.append(transaction(writerOf(orders), '0/1', write))
    const sink = new NotingSink()
    await run(log, sink, { coalesce: true, deletes: false })
    expect(sink.notes).toEqual(['empty orders', 'c 1 a', 'd 1'])
  })

  it('halves a batch that the target finds too large', async () => {
    const log = new OrderedMemoryLog()
    const write = (w: BatchWriter): void => {
      for (let i = 1; i <= 9; i++) w.row('c', orders, tuple(String(i), 'v'))
    }
    await log.append(transaction(writerOf(orders), '0/1', write))
    const sink = new NotingSink()
    sink.tooLargeFrom = 4
    await run(log, sink)
    expect(sink.notes.slice(1)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map(i => `c ${i} v`))
  })

  it('reads the next batch and shows it while a full one is applied, and gathers what comes while another is', async () => {
    const log = new OrderedMemoryLog()
    const writer = writerOf(orders)
    let rows = 0
    const append = (count: number): Promise<unknown> =>
      log.append(
        transaction(writer, '0/1', w => {
          for (let i = 0; i < count; i++) w.row('c', orders, tuple(String(++rows), 'a'))
        }),
      )
    await append(3)
    await append(1)
    const counts: number[] = []
    const shown: number[] = []
    const sink: Sink = new NotingSink()
    sink.ahead = ({ count }) => shown.push(count)
    const all = Promise.withResolvers<void>()
    sink.write = async ({ count }) => {
      counts.push(count)
      if (counts.length === 3) all.resolve()
      await setImmediate()
      if (counts.length < 3) await append(1)
      return { rejected: [] }
    }
    await delivered(deliveryFrom(log, { limits: { maxRows: 4 } }), sink, () => all.promise)
    // The first one holds the table's announcement as well.
    expect(counts).toEqual([4, 1, 2])
    expect(shown).toEqual([1])
  })

  it('has handed a full batch over before it reads the next', async () => {
    const log = new OrderedMemoryLog()
    const writer = writerOf(orders)
    for (let i = 0; i < 8; i++)
      await log.append(transaction(writer, '0/1', w => w.row('c', orders, tuple(`${i}`, 'a'))))
    const notes: string[] = []
    const read = log.read.bind(log)
    log.read = async function* (...given) {
      for await (const batch of read(...given)) {
        notes.push('read')
        yield batch
      }
    }
    const sink = new NotingSink()
    const ended = new TailraceError('ENDED', 'stop', 'done')
    sink.write = async () => {
      notes.push('write')
      await setImmediate()
      await setImmediate()
      if (notes.length > 4) throw ended
      return { rejected: [] }
    }
    await expect(delivered(deliveryFrom(log, { limits: { maxRows: 2 } }), sink)).rejects.toBe(ended)
    expect(notes.slice(0, 4)).toEqual(['read', 'write', 'read', 'write'])
  })

  it('ends with the error of a full batch at once, though there is nothing behind it to be read', async () => {
    const log = new OrderedMemoryLog()
    await log.append(transaction(writerOf(orders), '0/1', w => w.row('c', orders, tuple('1', 'a'))))
    const sink = new NotingSink()
    sink.tooLargeFrom = 0
    const done = delivered(deliveryFrom(log, { limits: { maxRows: 2 } }), sink)
    await expect(done).rejects.toMatchObject({ code: 'SINK_BATCH_TOO_LARGE' })
  })

  it('stops at a row that the target refuses instead of skipping it', async () => {
    const log = new OrderedMemoryLog()
    await log.append(transaction(writerOf(orders), '0/1', w => w.row('c', orders, tuple('1', 'a'))))
    const sink = new NotingSink()
    sink.write = async () => ({ rejected: [{ index: 1, reason: 'mapping conflict' }] as never })
    await expect(run(log, sink)).rejects.toMatchObject({ code: 'SINK_REJECTED', recovery: 'stop' })
    expect(sink.stored).toBeUndefined()
  })
})
