import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { Cursor, LogBatch, Sink, Table, WriteResult } from '../../runtime/contract.ts'
import type { Delivery } from '../../runtime/deliver/delivery.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import type { QuarantineLimits } from '../../runtime/quarantine/quarantine.ts'
import { shownRow } from '../../runtime/quarantine/quarantine.ts'
import { Quarantines } from '../../runtime/quarantine/quarantines.ts'
import { Retries } from '../../runtime/quarantine/retry.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { delivered, deliveryFrom } from '../support/delivery.ts'
import { table, transaction, tuple } from '../support/records.ts'

const orders = table('orders')
const events = table('events', { id: 2, key: [], appendOnly: true })
const CANARY = 'zaunkoenig'

/** Holds rows by key, and refuses those whose value is in `bad`. */
class PickySink implements Sink {
  readonly bad = new Set<string>()
  readonly held = new Map<string, string>()
  /** What the quarantine's file held when the cursor moved, each time. */
  readonly filed: string[] = []
  readonly #file: string
  stored: Cursor | undefined

  constructor(file: string) {
    this.#file = file
  }

  async write(batch: LogBatch, _signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    const rejected: { index: number; reason: string }[] = []
    const puts: [string, string | undefined][] = []
    let index = -1
    for (const change of batch) {
      index++
      if (skip?.has(index) === true || change.kind === 's' || change.kind === 't') continue
      const [key, value] = change.kind === 'd' ? [change.before(0)!, undefined] : [change.text(0)!, change.text(1)!]
      if (value !== undefined && this.bad.has(value)) rejected.push({ index, reason: 'it is too picky' })
      else puts.push([key, value])
    }
    if (rejected.length > 0) return { rejected }
    for (const [key, value] of puts) {
      if (value === undefined) this.held.delete(key)
      else this.held.set(key, value)
    }
    this.filed.push(await readFile(this.#file, 'utf8').catch(() => ''))
    this.stored = batch.cursor
    return { rejected }
  }

  async truncate(_: Table): Promise<void> {
    this.held.clear()
  }

  async cursor(): Promise<Cursor | undefined> {
    return this.stored
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

let folder: string
let log: OrderedMemoryLog
let writer: BatchWriter
let sink: PickySink
let quarantines: Quarantines
let retries: Retries
let limits: QuarantineLimits
let position = 0
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tailrace-quarantine-'))
  log = new OrderedMemoryLog()
  writer = new BatchWriter()
  for (const one of [orders, events]) writer.announce(one)
  sink = new PickySink(join(folder, 'quarantine-k.json'))
  quarantines = await Quarantines.load(folder)
  retries = new Retries()
  limits = { most: 1000, keepsHistory: false }
})
afterEach(() => rm(folder, { recursive: true }))

async function append(write: (writer: BatchWriter) => void): Promise<void> {
  await log.append(transaction(writer, `0/${++position}`, write))
}

const put = (key: string, value: string): Promise<void> => append(w => w.row('u', orders, tuple(key, value)))

async function run(over: Partial<Delivery> = {}): Promise<void> {
  const rejects = { source: 'app', quarantine: quarantines.of('k'), limits, retries }
  await delivered(deliveryFrom(log, { rejects, ...over }), sink)
}

const held = (): string[] =>
  quarantines.of('k').rows.map(row => `${row.table.slice(11)} ${shownRow(row).key} ${row.reason}`)

it('a refused row is on disk, without its values, before the cursor passes it, and the others are in', async () => {
  sink.bad.add(CANARY)
  await append(w => {
    w.row('c', orders, tuple('1', 'a'))
    w.row('c', orders, tuple('2', CANARY))
    w.row('c', orders, tuple('3', 'c'))
  })
  await run()
  expect([...sink.held]).toEqual([
    ['1', 'a'],
    ['3', 'c'],
  ])
  expect(held()).toEqual(['orders 2 it is too picky'])
  expect(sink.filed.at(-1)).toContain('it is too picky')
  expect(sink.filed.at(-1)).not.toContain(CANARY)
  expect((await Quarantines.load(folder)).of('k').count).toBe(1)
})

it('a newer change of the row, a delete of it, and a truncate clear it, and nothing else does', async () => {
  sink.bad.add('bad')
  for (const key of ['1', '2', '3', '4']) await put(key, 'bad')
  await put('9', 'fine')
  await run()
  expect(quarantines.of('k').count).toBe(4)
  await put('1', 'good')
  await append(w => w.delete(orders, tuple('2', null), false))
  await run()
  expect(held()).toEqual(['orders 3 it is too picky', 'orders 4 it is too picky'])
  expect(sink.held.get('1')).toBe('good')
  await append(w => w.truncate(orders))
  await run()
  expect(held()).toEqual([])
  expect((await Quarantines.load(folder)).of('k').count).toBe(0)
})

it('in one batch the last change of a row counts', async () => {
  sink.bad.add('bad')
  await append(w => {
    w.row('c', orders, tuple('1', 'good'))
    w.row('u', orders, tuple('1', 'bad'))
    w.row('c', orders, tuple('2', 'bad'))
    w.row('u', orders, tuple('2', 'good'))
  })
  await run({ coalesce: false })
  expect(held()).toEqual(['orders 1 it is too picky'])
  expect(sink.held.get('2')).toBe('good')
})

it('one more than may be set aside stops the sink, which has not passed it', async () => {
  sink.bad.add('bad')
  limits = { most: 2, keepsHistory: false }
  for (const key of ['1', '2']) await put(key, 'bad')
  await run()
  const before = sink.stored
  await put('3', 'bad')
  await expect(run()).rejects.toMatchObject({ code: 'SINK_REJECTED', recovery: 'stop' })
  expect(sink.stored).toBe(before)
  expect(quarantines.of('k').count).toBe(2)
  sink.bad.clear()
  await run()
  expect(sink.held.get('3')).toBe('bad')
})

it('rows are written once more as the log has them now, if they are asked for', async () => {
  sink.bad.add('bad').add('worse')
  for (const key of ['1', '2', '3']) await put(key, 'bad')
  await run()
  sink.bad.delete('bad')
  await put('3', 'worse')
  const all = retries.ask(row => shownRow(row).key !== '2')
  const { stored } = sink
  await run()
  expect(await all).toEqual({ written: 1, refused: 1, left: 0 })
  expect(sink.held.get('1')).toBe('bad')
  expect(held()).toEqual(['orders 2 it is too picky', 'orders 3 it is too picky'])
  expect(stored).not.toBe(sink.stored)
  const again = retries.ask(() => true)
  await run()
  expect(await again).toEqual({ written: 1, refused: 1, left: 0 })
  expect(held()).toEqual(['orders 3 it is too picky'])
})

it('changes without a key, and all of a sink that keeps every change, wait for themselves', async () => {
  sink.bad.add('bad')
  await append(w => w.row('c', events, tuple('1', 'bad')))
  await run()
  limits = { most: 1000, keepsHistory: true }
  await put('7', 'bad')
  await put('7', 'good')
  await run({ reads: 'history', coalesce: false })
  expect(held()).toEqual(['events  it is too picky', 'orders  it is too picky'])
  const all = retries.ask(() => true)
  await run()
  expect(await all).toEqual({ written: 0, refused: 0, left: 2 })
})

it('a sink that is built anew begins without any', async () => {
  sink.bad.add('bad')
  await put('1', 'bad')
  await run()
  sink.bad.clear()
  sink.stored = undefined
  await run()
  expect([held(), [...sink.held]]).toEqual([[], [['1', 'bad']]])
})

it('without a quarantine the first refused row stops the sink', async () => {
  sink.bad.add('bad')
  await put('1', 'bad')
  const done = delivered(deliveryFrom(log), sink)
  await expect(done).rejects.toMatchObject({ code: 'SINK_REJECTED', recovery: 'stop' })
  expect(sink.stored).toBeUndefined()
})
