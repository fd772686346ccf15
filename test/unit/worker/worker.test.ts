import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import type { Cursor, LogBatch, Sink, SinkContext, Target } from '../../../runtime/contract.ts'
import { LARGE_BYTES } from '../../../runtime/large-memory.ts'
import { PartitionedMemoryLog } from '../../../runtime/log/memory/partitioned.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { SharedPool } from '../../../runtime/worker/batch.ts'
import { openInWorker } from '../../../runtime/worker/client.ts'
import { column, ScriptedLog, table, tuple } from '../../support/scripted-log.ts'

const PLUGIN = fileURLToPath(new URL('../../support/worker-sink.ts', import.meta.url))
const never = new AbortController().signal
const items = table(1, 'public.items', [column('id', 'int64'), column('text', 'text')])
const hidden = table(2, 'public.hidden', items.columns)

describe('a sink in a thread of its own', () => {
  let target: Target
  let sink: Sink
  let log: ScriptedLog
  const logged: string[] = []
  const context: SinkContext = {
    pipeline: 'shop',
    name: 'copy',
    logger: pino({ level: 'info', base: null }, { write: line => logged.push(line) }),
    sources: ['app'],
    onDelete: 'delete',
  }

  beforeEach(async () => {
    target = await openInWorker(PLUGIN, '/', { greeting: 'hello' }, context)
    sink = await target.sink({ name: 'app', logId: 'aa' }, never)
    log = new ScriptedLog('aa')
    await sink.write(
      log.batch(writer => writer.announce(items)),
      never,
    )
  })
  afterEach(async () => {
    await target[Symbol.asyncDispose]()
  })

  const texts = (...values: string[]): LogBatch =>
    log.batch(writer => {
      values.forEach((text, i) => {
        writer.row('c', items, tuple([`${i}`, text]))
      })
    })
  const seen = async (): Promise<string[]> => {
    const all: string[] = []
    for await (const page of sink.rows!(items, never)) for (const row of page) all.push(row.cells.get('text')!)
    return all
  }
  const told = (batch: LogBatch): string[] =>
    [...lines(batch)].map(([kind, name, text, transaction, version, cursor]) =>
      [kind, name, text, transaction, version, cursor].join(' '),
    )
  function* lines(batch: LogBatch): Generator<unknown[]> {
    for (const c of batch) yield [c.kind, c.table.name, c.text(1) ?? '', c.transaction, c.version, c.cursor]
  }

  it('is given what the log gave, and answers what the sink answered', async () => {
    const batch = texts('a', 'b', 'c')
    expect(await sink.write(batch, never)).toEqual({ rejected: [{ index: 3, reason: 'hello' }] })
    expect((await seen()).slice(1)).toEqual(told(batch))
  })

  it('is given the batch that is written, whichever it was shown ahead', async () => {
    const [first, second, third] = [texts('a', 'b'), texts('c'), texts('d')]
    const writing = sink.write(first, never)
    sink.ahead!(second)
    await writing
    sink.ahead!(third)
    await sink.write(second, never)
    sink.ahead!(first)
    await sink.write(third, never)
    await sink.write(first, never)
    const expected = [first, second, third, first].flatMap(told)
    expect((await seen()).slice(1)).toEqual(expected)
  })

  it('passes on which changes to skip', async () => {
    await sink.write(texts('a', 'b', 'c'), never, new Set([0, 2]))
    expect((await seen()).slice(1).map(line => line.split(' ')[2])).toEqual(['b'])
  })

  it('sees only the tables that its batch lets through, and the transaction a slice begins in', async () => {
    const whole = log.batch(writer => {
      writer.announce(hidden)
      writer.row('c', hidden, tuple(['1', 'hidden']))
      writer.row('c', items, tuple(['1', 'first']))
      writer.row('c', items, tuple(['2', 'second']))
    })
    const parts = whole.split(1).slice(1)
    for (const part of parts) await sink.write(part, never)
    expect((await seen()).slice(1)).toEqual(parts.flatMap(told))
  })

  it('has the cursors of a log whose cursors are not one number', async () => {
    await using partitioned = new PartitionedMemoryLog()
    const writer = new BatchWriter()
    writer.announce(items)
    writer.begin('1', '0/1', 1n)
    for (let i = 0; i < 20; i++) writer.row('c', items, tuple([`${i}`, `text${i}`]))
    writer.commit()
    await partitioned.append(writer.take({ lane: 'stream', position: '0/1' as never }))
    const stop = new AbortController()
    const expected: string[] = []
    let end: Cursor | undefined
    for await (const batch of partitioned.read('start', () => true, stop.signal)) {
      expected.push(...told(batch).filter(line => line.startsWith('c')))
      await sink.write(batch, never)
      end = batch.cursor
      if (end === partitioned.end()) break
    }
    expect(expected).toHaveLength(20)
    expect((await seen()).filter(line => line.startsWith('c'))).toEqual(expected)
  })

  it('has just the methods that the sink has', () => {
    expect([sink.get, sink.rows].every(method => method !== undefined)).toBe(true)
    expect([sink.truncate, sink.flush, sink.cursor].every(method => method === undefined)).toBe(true)
  })

  it('answers look-ups in order', async () => {
    const keys = [Buffer.from('x'), Buffer.from('y')]
    const rows = await sink.get!(items, keys, never)
    expect(Buffer.from(rows[0]!.key).toString()).toBe('x')
    expect(rows[0]!.cells.get('table')).toBe('app.public.items')
    expect(rows[1]).toBeUndefined()
  })

  it('asks for many keys some at a time, and answers all in their order', async () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => Buffer.from(`key ${i}`))
    const rows = await sink.get!(items, keys, never)
    expect(rows.length).toBe(keys.length)
    const found = rows.flatMap((row, i) => (row === undefined ? [] : [[i, Buffer.from(row.key).toString()]]))
    expect(found[1]![1]).toBe(`key ${found[1]![0]}`)
    expect(found.length).toBeGreaterThan(1)
    expect(rows[0]!.cells.get('asked')).toBe(String(found[1]![0]))
  })

  it('ends a walk over rows where the sink waits, for who aborts and for who leaves', async () => {
    await sink.write(texts('first', 'forever'), never)
    const abort = new AbortController()
    const reason = new Error('enough')
    const walk = sink.rows!(items, abort.signal)[Symbol.asyncIterator]()
    await walk.next()
    await walk.next()
    const waiting = walk.next()
    abort.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    for await (const _ of sink.rows!(items, never)) break
    // Closing waits for what is under way in the thread: a walk that went on would keep it.
    await sink[Symbol.asyncDispose]()
  })

  it('keeps code, recovery, hint and cause of an error', async () => {
    await expect(sink.write(texts('fail'), never)).rejects.toMatchObject({
      code: 'TEST_FAILED',
      recovery: 'resnapshot',
      message: 'after 0',
      hint: 'a hint',
      cause: { message: 'the cause' },
    })
    await sink.write(texts('after it'), never)
  })

  it('never blocks the thread of the source', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    await sink.write(texts('block'), never)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(10)
  })

  it('rejects with the reason soon after an abort, also while the sink is blocked', async () => {
    for (const text of ['wait', 'block']) {
      const abort = new AbortController()
      const reason = new Error('enough')
      const write = sink.write(texts(text), abort.signal)
      abort.abort(reason)
      await expect(write).rejects.toBe(reason)
    }
    await sink.write(texts('next'), never)
    expect((await seen()).at(-1)).toContain(' next ')
  })

  it('ends every call with a retryable error when the thread dies', async () => {
    const writes = [sink.write(texts('die'), never), sink.write(texts('too late'), never)]
    for (const write of writes)
      await expect(write).rejects.toMatchObject({ code: 'SINK_WORKER_LOST', recovery: 'retry' })
    await expect(sink.write(texts('later'), never)).rejects.toMatchObject({ code: 'SINK_WORKER_LOST' })
  })

  it('writes the log lines of the thread to the logger outside', async () => {
    logged.length = 0
    await sink.write(texts('log'), never)
    expect(logged.map(line => JSON.parse(line))).toMatchObject([{ level: 40, sink: 'copy', msg: 'hello' }])
  })

  it('refuses a plugin that cannot be loaded', async () => {
    await expect(openInWorker('./nowhere.ts', '/', {}, context)).rejects.toMatchObject({ code: 'CONFIG_PLUGIN' })
  })
})

describe('memory shared with threads', () => {
  it('is used again, but large pieces are not kept', () => {
    const pool = new SharedPool()
    const small = pool.take(1000)
    const large = pool.take(40 * 1024 * 1024)
    pool.give(small)
    pool.give(large)
    expect(pool.take(2000)).toBe(small)
    expect(pool.take(40 * 1024 * 1024)).not.toBe(large)
    // As small as the log's own pieces are, in which there may be batches to come.
    const logs = new SharedArrayBuffer(LARGE_BYTES)
    pool.give(logs)
    expect(pool.take(LARGE_BYTES)).not.toBe(logs)
  })
})
