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
  mark: '_',
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

  /** Throws NAME_COLLISION; SINK_REJECTED where a topic is missing and not to be made, or cannot be as it is to be. */
  async prepare(tables: readonly Table[], signal: AbortSignal): Promise<void> {
    const names = new Map(
      tables.filter(({ name }) => !this.#known.has(name)).map(table => [table.name, this.#names.of(table)]),
    )
    if (names.size === 0) return
    const wanted = [...new Set(names.values())]
    const found = await this.#client.partitions(wanted, signal)
    const lacking = wanted.filter(name => !found.has(name))
    if (lacking.length > 0) for (const [name, of] of await this.#make(lacking, signal)) found.set(name, of)
    for (const [table, name] of names) this.#known.set(table, { name, partitions: found.get(name)! })
  }

  async #make(names: readonly string[], signal: AbortSignal): ReturnType<Client['partitions']> {
    const { server } = this.#client
    const { create, partitions, replication, topicConfig } = this.#options
    if (!create) throw missing(names[0]!, server)
    const configEntries = Object.entries(topicConfig).map(([name, value]) => ({ name, value: String(value) }))
    const like = {
      numPartitions: partitions ?? BY_DEFAULT,
      replicationFactor: replication ?? BY_DEFAULT,
      configEntries,
    }
    await this.#client.make(
      names.map(topic => ({ topic, ...like })),
      signal,
    )
    const made = await this.#client.partitions(names, signal)
    const gone = names.find(name => !made.has(name))
    if (gone !== undefined) throw missing(gone, server)
    return made
  }
}

function missing(name: string, server: string): TailraceError {
  return new TailraceError('SINK_REJECTED', 'stop', `The topic ${name} is not there at ${server}.`, {
    hint: 'Make it, or set `create: true`; then resume the sink. Nothing was skipped.',
  })
}
