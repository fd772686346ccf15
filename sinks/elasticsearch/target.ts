import { createHash } from 'node:crypto'
import type { Sink, SinkContext, Target } from '../../runtime/contract.ts'
import type { Address } from './address.ts'
import { Catalog } from './catalog.ts'
import { Client } from './client.ts'
import { CursorRow } from './cursor-row.ts'
import { Documents } from './documents.ts'
import { settle } from './generations.ts'
import { generationOf, sinkId } from './head.ts'
import type { Overrides } from './mapping.ts'
import { IndexNames } from './names.ts'
import { ElasticsearchSink } from './sink.ts'

export interface TargetOptions {
  readonly address: Address
  readonly name: string
  readonly mappings: Overrides
  readonly settings: Readonly<Record<string, unknown>>
  readonly refresh: string
  readonly compress: boolean
}

/** One generation of one sink. */
export class ElasticsearchTarget implements Target {
  readonly #options: TargetOptions
  readonly #context: SinkContext
  /** Shared by all sources: two tables never get one name. */
  readonly #names: IndexNames
  readonly #layout: string
  readonly #sinks: Sink[] = []

  constructor(options: TargetOptions, context: SinkContext) {
    const { name, mappings } = options
    this.#options = options
    this.#context = context
    this.#names = new IndexNames(name, context.pipeline)
    this.#layout = `1 ${name} ${createHash('sha256').update(JSON.stringify(mappings)).digest('hex').slice(0, 16)}`
  }

  async sink(source: { readonly name: string; readonly logId: string }, signal: AbortSignal): Promise<Sink> {
    const { address, compress, mappings, settings, refresh } = this.#options
    const { generation: which, logger } = this.#context
    const client = new Client(address, compress)
    try {
      const documents = new Documents(client)
      await documents.prepare(signal)
      const id = sinkId(this.#context)
      const generation = await generationOf(documents, id, which, signal)
      if (which === undefined) await settle(client, documents, id, signal)
      const owner = { sink: id, generation, source: source.name }
      const state = { logId: source.logId, layout: this.#layout }
      const row = await CursorRow.take(documents, client.server, owner, state, signal)
      const options = { names: this.#names, mappings, settings, isLive: which === undefined }
      const catalog = await Catalog.open({ client, documents, owner, options, logger }, row, signal)
      const sink = new ElasticsearchSink({ client, context: this.#context, logId: source.logId, row, catalog, refresh })
      this.#sinks.push(sink)
      return sink
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sink of this.#sinks) await sink[Symbol.asyncDispose]()
  }
}
