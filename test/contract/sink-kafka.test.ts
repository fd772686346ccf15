import { beforeEach, expect, it } from '@jest/globals'
import type { LogBatch, Sink } from '../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import kafka from '../../sinks/kafka.ts'
import { deliverEvents } from '../support/event-delivery.ts'
import { describeKafka } from '../support/kafka/kafka-suite.ts'
import { table, transaction, tuple } from '../support/records.ts'
import { never, sinkContext } from '../support/sink-rig.ts'
import { until } from '../support/until.ts'

const orders = table('orders')
const events = table('order', { id: 2, name: 'app.outbox.order', schema: 'outbox', key: [], appendOnly: true })
const TOPIC = 'app.public.orders'
const EVENTS = 'app.outbox.order'

await describeKafka((server, topics) => {
  let log: OrderedMemoryLog
  let writer: BatchWriter
  let position: number
  beforeEach(() => {
    log = new OrderedMemoryLog()
    writer = new BatchWriter()
    writer.announce(orders)
    writer.announce(events)
    position = 0
  })

  async function append(write: (writer: BatchWriter) => void): Promise<void> {
    await log.append(transaction(writer, `0/${++position}`, write))
  }

  const put = (...rows: readonly (readonly [string, string])[]) =>
    append(w => {
      for (const [key, body] of rows) w.row('u', orders, tuple(key, body))
    })

  async function openSink(options: Record<string, unknown> = {}): Promise<Sink> {
    const config = kafka.config.parse({ url: server().url, ...options })
    const target = await kafka.open(config, sinkContext())
    return target.sink({ name: 'app', logId: log.id }, never)
  }

  const deliverAll = (options: Record<string, unknown> = {}, limits = {}) =>
    deliverEvents(log, () => openSink(options), limits)

  async function firstBatch(): Promise<LogBatch> {
    for await (const batch of log.read('start', () => true, never)) return batch
    throw new Error('the log has no batch')
  }

  const check = (url: string) => kafka.check!(kafka.config.parse({ url }), sinkContext(), never)

  it('every change comes in the order of the log, in the envelope, with its key and its version', async () => {
    await put(['1', 'a'], ['2', 'b'])
    await put(['1', 'c'])
    await deliverAll({}, { maxRows: 1 })
    const read = await topics().read(TOPIC)
    expect(read.map(({ key, value }) => [key, value?.op, value?.after])).toEqual([
      [{ id: 1 }, 'u', { id: 1, body: 'a' }],
      [{ id: 2 }, 'u', { id: 2, body: 'b' }],
      [{ id: 1 }, 'u', { id: 1, body: 'c' }],
    ])
    expect(read[0]!.value!.source).toMatchObject({ name: 'app', schema: 'public', table: 'orders' })
    const versions = read.map(({ headers }) => BigInt(headers['tailrace-version']!))
    expect(versions).toEqual(versions.toSorted((a, b) => (a < b ? -1 : 1)))
    expect(new Set(read.map(({ headers }) => headers['tailrace-log']))).toEqual(new Set([log.id]))
  })

  it('behind a delete comes a tombstone of the key, and none where it is not wanted', async () => {
    await put(['1', 'a'])
    await append(w => w.delete(orders, tuple('1', 'a'), true))
    await deliverAll()
    const kinds = async (topic: string) =>
      (await topics().read(topic)).map(({ key, value }) => [key, value?.op ?? null])
    expect(await kinds(TOPIC)).toEqual([
      [{ id: 1 }, 'u'],
      [{ id: 1 }, 'd'],
      [{ id: 1 }, null],
    ])
    await deliverAll({ tombstones: false, name: 'plain-{table}' })
    expect(await kinds('plain-orders')).toEqual([
      [{ id: 1 }, 'u'],
      [{ id: 1 }, 'd'],
    ])
  })

  it('changes of one key are in one partition in their order, and a truncate is in each of them', async () => {
    for (let i = 0; i < 200; i++) await put([String(i % 20), `v${i}`])
    await append(w => w.truncate(orders))
    await deliverAll({ partitions: 4 })
    const read = await topics().read(TOPIC)
    const partitions = new Map<number, Set<number>>()
    const bodies = new Map<number, number[]>()
    for (const { partition, key, value } of read) {
      if (value!.op === 't') continue
      const { id, body } = value!.after as { id: number; body: string }
      expect(key).toEqual({ id })
      partitions.set(id, (partitions.get(id) ?? new Set()).add(partition))
      bodies.set(id, [...(bodies.get(id) ?? []), Number(body.slice(1))])
    }
    expect([...partitions.values()].every(({ size }) => size === 1)).toBe(true)
    expect(new Set([...partitions.values()].flatMap(set => [...set])).size).toBe(4)
    for (const [id, of] of bodies) expect(of).toEqual(Array.from({ length: 10 }, (_, i) => 20 * i + id))
    for (const partition of [0, 1, 2, 3])
      expect(read.filter(each => each.partition === partition).at(-1)!.value!.op).toBe('t')
  })

  it('changes without a key are in the first partition, or have the key that the options name', async () => {
    for (let i = 0; i < 12; i++) await append(w => w.row('c', events, tuple(String(i % 3), `e${i}`)))
    await deliverAll({ partitions: 3 })
    const read = await topics().read(EVENTS)
    expect(read.map(({ partition, key, value }) => [partition, key, value!.after!.body])).toEqual(
      Array.from({ length: 12 }, (_, i) => [0, null, `e${i}`]),
    )
    await deliverAll({ partitions: 3, name: 'keyed-{table}', keys: { 'app.outbox.*': ['id'] } })
    const keyed = await topics().read('keyed-order')
    for (const id of [0, 1, 2]) {
      const of = keyed.filter(({ key }) => (key as { id: number }).id === id)
      expect(new Set(of.map(({ partition }) => partition)).size).toBe(1)
      expect(of.map(({ value }) => value!.after!.body)).toEqual([0, 3, 6, 9].map(i => `e${i + id}`))
    }
    await using sink = await openSink({ keys: { 'app.outbox.*': ['none'] } })
    await expect(sink.write(await firstBatch(), never)).rejects.toMatchObject({ code: 'SINK_SCHEMA', recovery: 'stop' })
  })

  it('a broker that dies and comes back has every change, none out of order', async () => {
    for (let i = 0; i < 300; i++) await put([String(i % 7), `v${i}`])
    const delivered = deliverAll({ partitions: 3 }, { maxRows: 3 })
    await until(async () => (await topics().admin.listTopics()).includes(TOPIC), 'the first messages have come')
    await server().kill()
    await server().start()
    await delivered
    const read = await topics().read(TOPIC)
    for (let id = 0; id < 7; id++) {
      const bodies = read.flatMap(({ value }) =>
        value!.after!.id === id ? [Number(String(value!.after!.body).slice(1))] : [],
      )
      // What came twice came after what was before it, so a reader that knows the newest version ends right.
      expect(new Set(bodies)).toEqual(new Set(Array.from({ length: 300 }, (_, i) => i).filter(i => i % 7 === id)))
      expect(bodies.at(-1)).toBe(Math.max(...bodies))
    }
  })

  it('a message that the topic does not take is found among the others, which arrive', async () => {
    await put(...Array.from({ length: 9 }, (_, i) => [String(i), i === 6 ? 'x'.repeat(200_000) : 'fine'] as const))
    await using sink = await openSink({ topicConfig: { 'max.message.bytes': 100_000 } })
    const rejected: string[] = []
    const write = async (batch: LogBatch): Promise<void> => {
      try {
        const result = await sink.write(batch, never)
        for (const { reason } of result.rejected) rejected.push(`${batch.count}: ${reason}`)
      } catch (error) {
        expect(error).toMatchObject({ code: 'SINK_BATCH_TOO_LARGE' })
        for (const part of batch.split(Math.ceil(batch.count / 2))) await write(part)
      }
    }
    await write(await firstBatch())
    expect(rejected).toEqual(['1: the cluster refuses it: MESSAGE_TOO_LARGE'])
    const keys = new Set((await topics().read(TOPIC)).map(({ key }) => (key as { id: number }).id))
    expect(keys).toEqual(new Set([0, 1, 2, 3, 4, 5, 7, 8]))
  })

  it('many megabytes go in pieces that a broker takes', async () => {
    await put(...Array.from({ length: 400 }, (_, i) => [String(i), `${i} `.repeat(5000)] as const))
    await deliverAll({}, { maxBytes: 64 * 1024 * 1024 })
    expect((await topics().read(TOPIC)).map(({ value }) => value!.after!.id)).toEqual(
      Array.from({ length: 400 }, (_, i) => i),
    )
  })

  it.each(['gzip', 'zstd'])('what is packed with %s can be read', async compression => {
    await put(['1', 'long '.repeat(10_000)])
    await deliverAll({ compression })
    expect((await topics().read(TOPIC)).map(({ value }) => value!.after!.body)).toEqual(['long '.repeat(10_000)])
  })

  it('topics are made as the options say, and named so that a cluster can have them', async () => {
    await put(['1', 'a'])
    await deliverAll({ partitions: 5, name: '{pipeline} {table}', topicConfig: { 'cleanup.policy': 'compact' } })
    const name = 'shop_20orders'
    const { topics: made } = await topics().admin.fetchTopicMetadata({ topics: [name] })
    expect(made[0]!.partitions.length).toBe(5)
    const { resources } = await topics().admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name, configNames: ['cleanup.policy'] }],
    })
    expect(resources[0]!.configEntries[0]!.configValue).toBe('compact')
  })

  it.each([
    [{ create: false }, 'is not there'],
    [{ topicConfig: { 'cleanup.policy': 'everything' } }, 'refuses what the options ask for'],
    [{ replication: 7 }, 'refuses what the options ask for'],
  ])('stops at a topic that cannot be had: %j', async (options, what) => {
    await put(['1', 'a'])
    await using sink = await openSink(options)
    await expect(sink.write(await firstBatch(), never)).rejects.toMatchObject({
      code: 'SINK_REJECTED',
      recovery: 'stop',
      message: expect.stringContaining(what),
    })
  })

  it('a topic that someone removes is told of, and made anew', async () => {
    await put(['1', 'a'])
    {
      await using sink = await openSink()
      const batch = await firstBatch()
      await sink.write(batch, never)
      await topics().empty()
      await until(async () => !(await topics().admin.listTopics()).includes(TOPIC), 'the topic is gone')
      await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'SINK_RESTORED', recovery: 'retry' })
    }
    await deliverAll()
    expect((await topics().read(TOPIC)).length).toBe(1)
  })

  it('logs in, with and without TLS, and says what is wrong where it cannot', async () => {
    await put(['1', 'a'])
    const trusted = `sslrootcert=${server().certificate}`
    await deliverAll({ url: server().loginUrl() })
    await deliverAll({ url: server().tlsUrl(`sslmode=verify-full&${trusted}`) })
    expect((await topics().read(TOPIC)).length).toBe(2)
    expect(await check(server().loginUrl())).toMatchObject([{ level: 'ok', code: 'TARGET_REACHED' }])
    expect(await check(server().loginUrl('app:wrong-password'))).toMatchObject([{ level: 'error', code: 'SINK_AUTH' }])
    expect(await check(server().tlsUrl('sslmode=verify-full'))).toMatchObject([{ level: 'error', code: 'SINK_TLS' }])
    expect(await check(server().tlsUrl('sslmode=require'))).toMatchObject([
      { level: 'ok' },
      { level: 'warning', code: 'SINK_TLS' },
    ])
  })

  it('ends at once when it is told to, though the broker is gone', async () => {
    await put(['1', 'a'])
    const sink = await openSink()
    try {
      await server().kill()
      const abort = new AbortController()
      const written = sink.write(await firstBatch(), abort.signal)
      abort.abort(new Error('enough'))
      await expect(written).rejects.toThrow('enough')
    } finally {
      await sink[Symbol.asyncDispose]()
      await server().start()
    }
  })
})

it('a url that cannot be meant is refused', async () => {
  const begin = async (url: string): Promise<unknown> =>
    (await kafka.open(kafka.config.parse({ url }), sinkContext())).sink({ name: 'app', logId: 'x' }, never)
  const urls = ['http://x/', 'kafka://', 'kafka://user@x', 'kafka://x:99:1', 'kafka://x?acks=1', 'kafka://x?sslmode=no']
  for (const url of urls) await expect(begin(url)).rejects.toMatchObject({ code: 'CONFIG_URL' })
})

it('a cluster that is not there is waited for', async () => {
  const begin = async (): Promise<unknown> =>
    (await kafka.open(kafka.config.parse({ url: 'kafka://127.0.0.1:1' }), sinkContext())).sink(
      { name: 'app', logId: 'x' },
      never,
    )
  await expect(begin()).rejects.toMatchObject({ code: 'SINK_UNREACHABLE', recovery: 'retry' })
})
