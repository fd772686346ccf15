/**
 * A log in memory into Kafka as the pipeline does it (deliver, envelopes, versions), beside the same messages, made
 * beforehand, sent by `kafkajs` with its defaults in as large pieces as a broker takes. On all replicas (`acks=all`) both.
 * `--rows N` (200000), `--batch N` rows (10000), `--rounds N` (3).
 */
import type { Message, Producer } from 'kafkajs'
import type { Table } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import kafka from '../../sinks/kafka.ts'
import { startKafka } from '../support/kafka/kafka-server.ts'
import { KafkaTopics } from '../support/kafka/kafka-topics.ts'
import { deliverAll } from './support/deliver-all.ts'
import { FedLog } from './support/fed-log.ts'
import { doseOf } from './support/options.ts'
import { orderRows, orders } from './support/order-rows.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const BATCH_BYTES = 8 * 1024 * 1024
const PIECE_BYTES = 900_000
const { signal } = new AbortController()

export default async function bench(args: readonly string[]): Promise<BenchResult> {
  const { rows, size, rounds } = doseOf(args, { rows: 200_000, size: 10_000 })
  const figures = { ours: [] as number[], theirs: [] as number[] }
  await using server = await startKafka()
  await using topics = await KafkaTopics.connect(server.broker)
  const producer = await topics.producer()
  const logger = createLogger('error')
  const context = { pipeline: 'bench', name: 'copy', logger, sources: ['app'], onDelete: 'delete' } as const
  const fed = new FedLog()
  const target = await kafka.open(kafka.config.parse({ url: server.url }), context)
  try {
    const sink = await target.sink({ name: 'app', logId: fed.log.id }, signal)
    // The first one warms up. Each has a topic of its own, which is made before the time counts.
    for (let round = 0; round <= rounds; round++) {
      const id = round + 1
      const table: Table = { ...orders, id, name: `app.public.orders${id}`, table: `orders${id}` }
      const take = async (count: number): Promise<number> => {
        await fed.append(table, orderRows(count, 0))
        return deliverAll(
          fed.log,
          sink,
          'copy',
          { maxRows: size, maxBytes: BATCH_BYTES },
          { reads: 'history', coalesce: false },
        )
      }
      await take(1)
      const oursMs = await take(rows)
      const theirsMs = await send(topics, producer, table.name, `theirs${id}`)
      if (round < 1) continue
      figures.ours.push(rows / oursMs)
      figures.theirs.push(rows / theirsMs)
      note(`round ${round}: ours ${(rows / oursMs).toFixed(1)} k/s, kafkajs ${(rows / theirsMs).toFixed(1)} k/s`)
    }
  } finally {
    await producer.disconnect()
    await target[Symbol.asyncDispose]()
  }
  return {
    ratios: { kafkajs: pairedRatio(figures.ours, figures.theirs) },
    medians: {
      'ours, changes/s': Math.round(1000 * median(figures.ours)),
      'kafkajs, messages/s': Math.round(1000 * median(figures.theirs)),
    },
  }
}

/** Milliseconds for the messages of a topic into another one, without the first, which made the topic. */
async function send(topics: KafkaTopics, producer: Producer, from: string, to: string): Promise<number> {
  await topics.admin.createTopics({ topics: [{ topic: to }] })
  const pieces: Message[][] = [[]]
  let bytes = 0
  for (const { key, value, headers } of (await topics.messages(from)).slice(1)) {
    bytes += (key?.length ?? 0) + (value?.length ?? 0) + 100
    if (bytes > PIECE_BYTES) {
      pieces.push([])
      bytes = 0
    }
    pieces.at(-1)!.push({ key, value, ...(headers === undefined ? {} : { headers }) })
  }
  const began = performance.now()
  for (const messages of pieces) await producer.send({ topic: to, messages })
  return performance.now() - began
}
