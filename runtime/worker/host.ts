import { parentPort, workerData } from 'node:worker_threads'
import type { Sink, SinkContext, SinkPlugin, SinkRow, Table, Target } from '../contract.ts'
import { collectAfter, trimAfterStart } from '../large-memory.ts'
import { createLogger } from '../logger.ts'
import { loadPlugin } from '../plugin.ts'
import { freeze } from '../record/schema.ts'
import { upkeep } from '../upkeep.ts'
import { unpackBatch } from './batch.ts'
import { type Calls, type FromHost, type HostData, type Method, OPTIONAL, packError, type ToHost } from './protocol.ts'

/** The thread's side of client.ts: opens the plugin that `workerData` names and answers calls. */

interface OpenSink {
  readonly sink: Sink
  readonly tables: Map<number, Table>
  /** Calls under way, which closing waits for. */
  readonly busy: Set<Promise<unknown>>
}

/** A walk over a table's rows. Its signal outlives the calls that ask for its pages. */
interface Iteration {
  readonly iterator: AsyncIterator<readonly SinkRow[]>
  readonly abort: AbortController
}

const port = parentPort!
const data = workerData as HostData
const sinks = new Map<number, OpenSink>()
const iterations = new Map<number, Iteration>()
const aborts = new Map<number, AbortController>()
let target: Target | undefined

const post = (message: FromHost): void => port.postMessage(message)

const methods: {
  [M in Method]: (parameters: Calls[M]['arguments'], signal: AbortSignal) => Promise<Calls[M]['answer']>
} = {
  async open() {
    const { plugin, context } = await load()
    target = await plugin.open(data.options, context)
    trimAfterStart()
    return null
  },
  async upkeep(what, signal) {
    const { plugin, context } = await load()
    return upkeep(plugin, data.options, context, what, signal)
  },
  async sink({ sink: number, name, logId }, signal) {
    const sink = await target!.sink({ name, logId }, signal)
    sinks.set(number, { sink, tables: new Map(), busy: new Set() })
    return OPTIONAL.filter(method => sink[method] !== undefined)
  },
  write: (parameters, signal) =>
    inSink(parameters, ({ sink, tables }) => {
      const skip = parameters.skip === undefined ? undefined : new Set(parameters.skip)
      return sink.write(unpackBatch(parameters.batch, tables), signal, skip)
    }).finally(() => collectSoon(parameters.batch.bytes.byteLength)),
  truncate: (parameters, signal) =>
    inSink(parameters, async ({ sink, tables }) => {
      await sink.truncate!(tables.get(parameters.table)!, signal)
      return null
    }),
  flush: (parameters, signal) =>
    inSink(parameters, async ({ sink }) => {
      await sink.flush!(signal)
      return null
    }),
  cursor: (parameters, signal) => inSink(parameters, ({ sink }) => sink.cursor!(signal)),
  get: (parameters, signal) =>
    inSink(parameters, async ({ sink, tables }) => {
      const rows = await sink.get!(tables.get(parameters.table)!, parameters.keys, signal)
      return rows.map(row => (row === undefined ? undefined : ownRow(row)))
    }),
  rows: parameters =>
    inSink(parameters, async ({ sink, tables }) => {
      const abort = new AbortController()
      const rows = sink.rows!(tables.get(parameters.table)!, abort.signal)
      iterations.set(parameters.iteration, { iterator: rows[Symbol.asyncIterator](), abort })
      return null
    }),
  next: ({ sink, iteration }, signal) =>
    inSink({ sink, tables: [] }, async () => {
      const { iterator, abort } = iterations.get(iteration)!
      const onAbort = (): void => abort.abort(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      const step = await iterator.next()
      return step.done === true ? undefined : step.value.map(ownRow)
    }),
  async end({ iteration }) {
    const found = iterations.get(iteration)
    iterations.delete(iteration)
    found?.abort.abort()
    await found?.iterator.return?.()
    return null
  },
  async closeSink({ sink: number }) {
    const open = sinks.get(number)
    sinks.delete(number)
    await Promise.allSettled(open?.busy ?? [])
    await open?.sink[Symbol.asyncDispose]()
    return null
  },
  async close() {
    for (const { busy } of sinks.values()) await Promise.allSettled(busy)
    await target?.[Symbol.asyncDispose]()
    return null
  },
}

async function load(): Promise<{ plugin: SinkPlugin; context: SinkContext }> {
  const plugin = await loadPlugin('sink', data.type, data.folder)
  const logger = createLogger(data.logLevel, { write: line => post({ log: line }) })
  return { plugin, context: { ...data.context, logger } }
}

/** Once the call has ended and nothing holds its batch any more. */
function collectSoon(bytes: number): void {
  setImmediate(() => collectAfter(bytes))
}

function inSink<T>(
  { sink, tables }: { readonly sink: number; readonly tables: readonly Table[] },
  work: (open: OpenSink) => Promise<T>,
): Promise<T> {
  const open = sinks.get(sink)!
  for (const table of tables) open.tables.set(table.id, freeze(table))
  const running = work(open)
  const settled = running.then(
    () => {},
    () => {},
  )
  open.busy.add(settled)
  settled.finally(() => open.busy.delete(settled))
  return running
}

/** A view on pooled memory would be cloned with all of the pool. */
function ownRow(row: SinkRow): SinkRow {
  return { ...row, key: new Uint8Array(row.key) }
}

port.on('message', (message: ToHost) => {
  if ('abort' in message) {
    aborts.get(message.abort)?.abort()
    return
  }
  const { id, method } = message
  const abort = new AbortController()
  aborts.set(id, abort)
  const call = methods[method] as (parameters: unknown, signal: AbortSignal) => Promise<unknown>
  Promise.resolve(message.arguments)
    .then(parameters => call(parameters, abort.signal))
    .then(
      answer => post({ id, answer }),
      error => post({ id, error: packError(error) }),
    )
    .finally(() => aborts.delete(id))
})
