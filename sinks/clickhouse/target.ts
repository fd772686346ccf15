import { createHash } from 'node:crypto'
import type { Sink, SinkContext, Target } from '../../runtime/contract.ts'
import type { Address } from './address.ts'
import { Catalog } from './catalog.ts'
import { Client } from './client.ts'
import { CursorRow } from './cursor-row.ts'
import { settle } from './generations.ts'
import { fieldOf, generationOf, sinkId } from './head.ts'
import type { LayoutOptions } from './layout.ts'
import { Places } from './names.ts'
import { RowsSink } from './rows-sink.ts'
import { ClickhouseSink } from './sink.ts'
import { State } from './state.ts'

export interface TargetOptions extends LayoutOptions {
  readonly address: Address
  readonly name: string
}

/** One generation of one sink. */
export class ClickhouseTarget implements Target {
  readonly #options: TargetOptions
  readonly #context: SinkContext
  readonly #places: Places
  readonly #layout: string
  readonly #sinks: Sink[] = []

  constructor(options: TargetOptions, context: SinkContext) {
    const { name, address, asText, marks } = options
    this.#options = options
    this.#context = context
    this.#places = new Places(name, context.pipeline, address.database)
    const texts = createHash('sha256')
      .update([...asText].sort().join('\n'))
      .digest('hex')
      .slice(0, 16)
    this.#layout = `1 ${marks} ${name} ${texts}`
  }

  async sink(source: { readonly name: string; readonly logId: string }, signal: AbortSignal): Promise<Sink> {
    const { generation: which, logger } = this.#context
    const options = this.#options
    const client = new Client(options.address)
    try {
      const state = new State(client)
      await state.prepare(signal)
      const sink = sinkId(this.#context)
      const generation = await generationOf(state, client.server, sink, which, signal)
      if (which === undefined) await settle(client, state, sink, signal)
      const owner = { sink, generation, source: source.name, role: fieldOf(which) }
      const wanted = { logId: source.logId, layout: this.#layout, mode: options.history ? 'changes' : 'rows' }
      const row = await CursorRow.take(state, client.server, owner, wanted, signal)
      const catalog = await Catalog.open({ client, state, owner, places: this.#places, options, logger }, row, signal)
      const parts = { client, context: this.#context, logId: source.logId, row, catalog, options }
      const opened = new (options.history ? ClickhouseSink : RowsSink)(parts)
      this.#sinks.push(opened)
      return opened
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sink of this.#sinks) await sink[Symbol.asyncDispose]()
  }
}
