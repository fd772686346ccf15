import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { Sink } from '../../runtime/contract.ts'
import type { Delivery } from '../../runtime/deliver/delivery.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import http from '../../sinks/http.ts'
import { deliverEvents } from '../support/event-delivery.ts'
import { HttpReceiver, type Verdict } from '../support/http-receiver.ts'
import { table, transaction, tuple } from '../support/records.ts'
import { never, sinkContext } from '../support/sink-rig.ts'

const SECRET = 'sixteen characters at least'
const orders = table('orders')

let receiver: HttpReceiver
let log: OrderedMemoryLog
let writer: BatchWriter
let position: number
beforeEach(async () => {
  receiver = await HttpReceiver.start(SECRET)
  log = new OrderedMemoryLog()
  writer = new BatchWriter()
  writer.announce(orders)
  position = 0
})
afterEach(() => receiver[Symbol.asyncDispose]())

async function append(...rows: readonly (readonly [string, string])[]): Promise<void> {
  const write = (w: BatchWriter): void => {
    for (const [key, body] of rows) w.row('u', orders, tuple(key, body))
  }
  await log.append(transaction(writer, `0/${++position}`, write))
}

async function openSink(options: Record<string, unknown> = {}): Promise<Sink> {
  const config = http.config.parse({ url: receiver.url, secret: SECRET, ...options })
  const target = await http.open(config, sinkContext())
  return target.sink({ name: 'app', logId: log.id }, never)
}

async function deliverAll(options: Record<string, unknown> = {}, limits: Delivery['limits'] = {}): Promise<void> {
  await deliverEvents(log, () => openSink(options), limits)
}

const taken = (): unknown[] => receiver.changes.map(({ key, value }) => [key?.id, value.op, value.after?.body])

it('posts every change in the order of the log, signed, with what tells one batch from another', async () => {
  await append(['1', 'a'], ['2', 'b'])
  await append(['1', 'c'])
  await deliverAll({ headers: { 'X-Shop': 'mine' } }, { maxRows: 1 })
  expect(taken()).toEqual([
    [1, 'u', 'a'],
    [2, 'u', 'b'],
    [1, 'u', 'c'],
  ])
  expect(receiver.received.every(({ isSigned }) => isSigned)).toBe(true)
  const [{ headers, body }] = receiver.received as [(typeof receiver.received)[number]]
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-shop': 'mine', 'user-agent': 'tailrace' })
  expect(body).toMatchObject({ pipeline: 'shop', sink: 'copy', source: 'app', log: log.id })
  const keys = receiver.received.map(({ headers }) => headers['idempotency-key'])
  expect(new Set(keys).size).toBe(3)
})

it('the same batch has the same key, whatever it was answered', async () => {
  await append(['1', 'a'])
  receiver.verdict = request => (request < 3 ? 'cut' : 204)
  await deliverAll()
  expect(receiver.received.length).toBe(3)
  expect(new Set(receiver.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  expect(taken()).toEqual([[1, 'u', 'a']])
})

it.each<Verdict>([429, 500, 502, 503, 408, 'cut'])(
  'goes on after %s, and nothing is missing or out of order',
  async verdict => {
    for (let i = 0; i < 20; i++) await append([String(i % 3), `v${i}`])
    receiver.verdict = request => (request % 2 === 1 && request < 8 ? verdict : 204)
    await deliverAll({}, { maxRows: 4 })
    expect(taken()).toEqual(Array.from({ length: 20 }, (_, i) => [i % 3, 'u', `v${i}`]))
  },
)

it('a change that is refused is found among the others, which arrive', async () => {
  await append(...Array.from({ length: 9 }, (_, i) => [String(i), i === 6 ? 'poison' : 'fine'] as const))
  receiver.verdict = (_, { body }) => (body.changes.some(({ value }) => value.after?.body === 'poison') ? 422 : 204)
  await using sink = await openSink()
  const rejected: unknown[] = []
  const write = async (batch: Parameters<Sink['write']>[0]): Promise<void> => {
    try {
      const result = await sink.write(batch, never)
      for (const { reason } of result.rejected) rejected.push([batch.count, reason])
    } catch (error) {
      expect(error).toMatchObject({ code: 'SINK_BATCH_TOO_LARGE' })
      for (const part of batch.split(Math.ceil(batch.count / 2))) await write(part)
    }
  }
  for await (const batch of log.read('start', () => true, never)) {
    await write(batch)
    break
  }
  expect(rejected).toEqual([[1, 'the service answered 422']])
  expect(taken().length).toBe(8)
})

it.each<[Verdict, string]>([
  [401, 'SINK_AUTH'],
  [403, 'SINK_AUTH'],
  [404, 'SINK_REJECTED'],
  [302, 'SINK_REJECTED'],
])('stops at %s, and says what to look at', async (verdict, code) => {
  await append(['1', 'a'])
  receiver.verdict = () => verdict
  await using sink = await openSink()
  for await (const batch of log.read('start', () => true, never)) {
    await expect(sink.write(batch, never)).rejects.toMatchObject({ code, recovery: 'stop' })
    break
  }
})

it('packs what it sends where it is told so, and signs what it sends', async () => {
  await append(['1', 'long '.repeat(10_000)])
  await deliverAll({ compress: true })
  expect(receiver.received[0]!.headers['content-encoding']).toBe('gzip')
  expect(receiver.received[0]!.isSigned).toBe(true)
  expect(Number(receiver.received[0]!.headers['content-length'])).toBeLessThan(5000)
})

it('a service that does not answer in time counts as none', async () => {
  await append(['1', 'a'])
  receiver.verdict = () => 'never'
  await using sink = await openSink({ timeout: '100ms' })
  for await (const batch of log.read('start', () => true, never)) {
    await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'SINK_UNREACHABLE', recovery: 'retry' })
    break
  }
})

it('a url or a secret that cannot be meant is refused', () => {
  const open = (options: Record<string, unknown>) =>
    http.open(http.config.parse({ url: receiver.url, ...options }), sinkContext())
  const begin = async (url: string): Promise<unknown> => (await open({ url })).sink({ name: 'app', logId: 'x' }, never)
  expect(() => http.config.parse({ url: receiver.url, secret: 'short' })).toThrow()
  return Promise.all(
    ['ftp://x/', 'nothing', 'http://user@x/', 'http://x/?sslmode=verify-full'].map(url =>
      expect(begin(url)).rejects.toMatchObject({ code: 'CONFIG_URL' }),
    ),
  )
})
