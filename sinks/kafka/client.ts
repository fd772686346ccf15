import type { Admin, KafkaConfig, PartitionMetadata, Producer, SASLOptions, TopicMessages } from 'kafkajs'
import { abortable } from '../../runtime/abort.ts'
import type { SinkContext } from '../../runtime/contract.ts'
import type { Address } from './address.ts'
import { COMPRESSION, type Compression, loadDriver } from './driver.ts'
import { clusterError } from './server-error.ts'

const CONNECT_MS = 10_000
const REQUEST_MS = 30_000
/** Within one request; whoever asked for it tries for ever. The producer's number keeps such a message from coming twice. */
const RETRY = { retries: 3, initialRetryTime: 200, maxRetryTime: 2000 }
const ALL_REPLICAS = -1

export interface NewTopic {
  readonly topic: string
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly configEntries: { readonly name: string; readonly value: string }[]
}

export interface ClientOptions extends Pick<SinkContext, 'pipeline' | 'name' | 'logger'> {
  readonly compression: Compression
}

/** Which of `partitions` a key belongs to. */
export type Partitioner = (topic: string, partitions: readonly PartitionMetadata[], key: Buffer) => number

/** A cluster, with one request on its way at most. */
export class Client implements AsyncDisposable {
  readonly server: string
  /** By the hash that Java's clients use, so that others' topics of the same keys are alike. */
  readonly partition: Partitioner
  readonly #compression: number
  readonly #producer: Producer
  readonly #newAdmin: () => Admin

  private constructor(
    server: string,
    compression: number,
    partition: Partitioner,
    producer: Producer,
    newAdmin: () => Admin,
  ) {
    this.server = server
    this.#compression = compression
    this.partition = partition
    this.#producer = producer
    this.#newAdmin = newAdmin
  }

  /** Logged in when it resolves. */
  static async open(address: Address, options: ClientOptions, signal: AbortSignal): Promise<Client> {
    const { Kafka, Partitioners, logLevel } = await loadDriver()
    const { server, brokers, login, tls } = address
    const config: KafkaConfig = {
      clientId: `tailrace:${options.pipeline}:${options.name}`,
      brokers: [...brokers],
      ...(login === undefined ? {} : { sasl: { ...login } as SASLOptions }),
      ...(tls === undefined ? {} : { ssl: tls }),
      connectionTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      retry: RETRY,
      logLevel: logLevel.WARN,
      // What matters of it comes as an error, too.
      logCreator:
        () =>
        ({ namespace, log }) =>
          options.logger.debug({ client: namespace }, log.message),
    }
    const kafka = new Kafka(config)
    const createPartitioner = Partitioners.DefaultPartitioner
    const producer = kafka.producer({
      createPartitioner,
      idempotent: true,
      allowAutoTopicCreation: false,
      retry: RETRY,
    })
    const choose = createPartitioner()
    const partition: Partitioner = (topic, partitions, key) =>
      choose({ topic, partitionMetadata: partitions as PartitionMetadata[], message: { key, value: null } })
    const client = new Client(server, COMPRESSION[options.compression], partition, producer, () => kafka.admin())
    try {
      await client.#understood(producer.connect(), signal)
      return client
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
  }

  async brokers(signal: AbortSignal): Promise<number> {
    return (await this.#ask(admin => admin.describeCluster(), signal)).brokers.length
  }

  /** The partitions of these topics, by name; those that are not there are left out, as asking for one may make it. */
  async partitions(topics: readonly string[], signal: AbortSignal): Promise<Map<string, readonly PartitionMetadata[]>> {
    const found = await this.#ask(async admin => {
      const known = new Set(await admin.listTopics())
      const there = topics.filter(topic => known.has(topic))
      return there.length === 0 ? [] : (await admin.fetchTopicMetadata({ topics: there })).topics
    }, signal)
    return new Map(found.map(({ name, partitions }) => [name, partitions]))
  }

  /** Nothing happens to those that are there. */
  async make(topics: readonly NewTopic[], signal: AbortSignal): Promise<void> {
    await this.#ask(admin => admin.createTopics({ topics: [...topics] }), signal)
  }

  /** On all replicas that are in sync when it resolves. Rejects with the client's own errors. */
  async send(topicMessages: TopicMessages[], signal: AbortSignal): Promise<void> {
    const sent = this.#producer.sendBatch({ topicMessages, acks: ALL_REPLICAS, compression: this.#compression })
    await abortable(sent, signal)
  }

  async #ask<T>(question: (admin: Admin) => Promise<T>, signal: AbortSignal): Promise<T> {
    // One that was disconnected cannot be used again: brokers end its next connection.
    const admin = this.#newAdmin()
    const asked = async (): Promise<T> => {
      await admin.connect()
      try {
        return await question(admin)
      } finally {
        await admin.disconnect()
      }
    }
    return await this.#understood(asked(), signal)
  }

  async #understood<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await abortable(work, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw clusterError(this.server, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer.disconnect()
  }
}
