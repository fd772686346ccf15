import type { PartitionMetadata } from 'kafkajs'
import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { type NameRules, Names } from '../../runtime/naming.ts'
import type { Client } from './client.ts'

export interface Topic {
  readonly name: string
  readonly partitions: readonly PartitionMetadata[]
}

export interface TopicOptions {
  readonly pipeline: string
  readonly name: string
  readonly create: boolean
  readonly partitions?: number | undefined
  readonly replication?: number | undefined
  readonly topicConfig: Readonly<Record<string, string | number | boolean>>
}

/** What a topic may be called: `Topic.validate` in Kafka's source. */
const RULES: NameRules = {
  maxBytes: 249,
  holds: character => /[A-Za-z0-9._-]/.test(character),
  caseless: false,
  reserved: /^(\.{1,2}|__.*)$/,
  escape: '_',
}
/** Left to the cluster: KIP-464. */
const BY_DEFAULT = -1

/** The topics of tables, found or made when their first change comes. */
export class Topics {
  readonly #client: Client
  readonly #options: TopicOptions
  readonly #names: Names
  readonly #known = new Map<string, Topic>()

  constructor(client: Client, options: TopicOptions) {
    this.#client = client
    this.#options = options
    this.#names = new Names(options.name, options.pipeline, RULES)
  }

  /** Of a table that was made ready. */
  of(table: Table): Topic {
    return this.#known.get(table.name)!
  }

  /** Throws NAME_COLLISION; SINK_REJECTED where the topic is missing and not to be made, or cannot be as it is to be. */
  async prepare(table: Table, signal: AbortSignal): Promise<void> {
    if (this.#known.has(table.name)) return
    const name = this.#names.of(table)
    const partitions = (await this.#client.partitions(name, signal)) ?? (await this.#make(name, signal))
    this.#known.set(table.name, { name, partitions })
  }

  async #make(name: string, signal: AbortSignal): Promise<readonly PartitionMetadata[]> {
    const { create, partitions, replication, topicConfig } = this.#options
    if (!create) throw missing(name, this.#client.server)
    const topic = {
      topic: name,
      numPartitions: partitions ?? BY_DEFAULT,
      replicationFactor: replication ?? BY_DEFAULT,
      configEntries: Object.entries(topicConfig).map(([key, value]) => ({ name: key, value: String(value) })),
    }
    await this.#client.make(topic, signal)
    const made = await this.#client.partitions(name, signal)
    if (made === undefined) throw missing(name, this.#client.server)
    return made
  }
}

function missing(name: string, server: string): TailraceError {
  return new TailraceError('SINK_REJECTED', 'stop', `The topic ${name} is not there at ${server}.`, {
    hint: 'Make it, or set `create: true`; then resume the sink. Nothing was skipped.',
  })
}
