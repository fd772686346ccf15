/** What a test sees of a cluster, through kafkajs as any application would. */
import { randomUUID } from 'node:crypto'
import {
  type Admin,
  type EachMessagePayload,
  Kafka,
  type KafkaMessage,
  logLevel,
  Partitioners,
  type Producer,
} from 'kafkajs'
import { loadDriver } from '../../../sinks/kafka/driver.ts'

export interface Read {
  readonly partition: number
  readonly key: unknown
  /** null: a tombstone. */
  readonly value: { readonly op: string; readonly before: Row; readonly after: Row; readonly source: Row } | null
  readonly headers: Readonly<Record<string, string>>
}

type Row = Readonly<Record<string, unknown>> | null

/** A group's first reader waits until the broker has loaded what it knows of groups. */
const RETRY = { retries: 20, initialRetryTime: 100, maxRetryTime: 500 }

export class KafkaTopics implements AsyncDisposable {
  readonly #kafka: Kafka
  readonly admin: Admin

  private constructor(kafka: Kafka) {
    this.#kafka = kafka
    this.admin = kafka.admin()
  }

  static async connect(broker: string): Promise<KafkaTopics> {
    // It can read what is packed with zstd, then.
    await loadDriver()
    const topics = new KafkaTopics(
      new Kafka({ clientId: 'test', brokers: [broker], logLevel: logLevel.NOTHING, retry: RETRY }),
    )
    await topics.admin.connect()
    return topics
  }

  /** All that is in a topic now, each partition in its order. */
  async read(topic: string): Promise<Read[]> {
    return (await this.messages(topic)).map(({ partition, key, value, headers }) => ({
      partition,
      key: key === null ? null : JSON.parse(String(key)),
      value: value === null ? null : JSON.parse(String(value)),
      headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
    }))
  }

  /** The same as it came. */
  async messages(topic: string): Promise<(KafkaMessage & { readonly partition: number })[]> {
    const ends = (await this.admin.fetchTopicOffsets(topic)).map(
      ({ partition, high }) => [partition, Number(high)] as const,
    )
    const left = new Map(ends.filter(([, end]) => end > 0))
    const found: (KafkaMessage & { readonly partition: number })[] = []
    if (left.size === 0) return found
    const consumer = this.#kafka.consumer({ groupId: `test-${randomUUID()}` })
    await consumer.connect()
    try {
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await new Promise<void>((resolve, reject) => {
        const eachMessage = async ({ partition, message }: EachMessagePayload): Promise<void> => {
          found.push({ ...message, partition })
          if (Number(message.offset) + 1 >= (left.get(partition) ?? 0)) left.delete(partition)
          if (left.size === 0) resolve()
        }
        // It begins anew by itself where the broker still loads what it knows of groups.
        consumer.on('consumer.crash', ({ payload }) => {
          if (!payload.restart) reject(payload.error)
        })
        consumer.run({ eachMessage }).catch(reject)
      })
    } finally {
      await consumer.disconnect()
    }
    return found
  }

  /** With the client's defaults. */
  async producer(): Promise<Producer> {
    const producer = this.#kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    return producer
  }

  /** Of all topics. */
  async empty(): Promise<void> {
    const topics = (await this.admin.listTopics()).filter(name => !name.startsWith('__'))
    if (topics.length > 0) await this.admin.deleteTopics({ topics })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin.disconnect()
  }
}
