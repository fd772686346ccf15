import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Generation, LogBatch, Sink, SinkContext, SinkPlugin, Table, Target } from '../../runtime/contract.ts'
import { loadPlugin } from '../../runtime/plugin.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { ScriptedLog, tuple } from './scripted-log.ts'
import { follow } from './sink-driver.ts'
import { type ItemsClient, items, LOG_ID, never, type SinkPlace, sinkContext } from './sink-rig.ts'

/** What a test has done in a process of its own: a purge is of the row 2 of `items`. */
export type Step = 'swap' | 'recall' | 'purge'

/** One test's target with its generations, and a log to feed them from, whose first batch announces `items`. */
export class GenerationRig {
  place!: SinkPlace
  plugin!: SinkPlugin
  config: unknown
  log!: ScriptedLog
  announced!: LogBatch
  /** As which targets are opened. */
  context: Partial<SinkContext> = {}
  readonly #targets = new Map<Generation | undefined, Target>()

  async begin(place: SinkPlace): Promise<void> {
    this.place = place
    this.context = {}
    this.plugin = await loadPlugin('sink', place.child.type, process.cwd())
    this.config = this.plugin.config.parse(place.child.options)
    this.log = new ScriptedLog(LOG_ID)
    this.announced = this.log.batch(writer => writer.announce(items))
  }

  async end(): Promise<void> {
    await this.close()
    await this.place[Symbol.asyncDispose]()
  }

  /** The sink of a source in a generation, whose target stays open until `close`. */
  async sink(generation?: Generation, source = 'app', logId = LOG_ID): Promise<Sink> {
    let target = this.#targets.get(generation)
    target ??= await this.place.open(sinkContext({ ...this.context, ...(generation && { generation }) }))
    this.#targets.set(generation, target)
    return target.sink({ name: source, logId }, never)
  }

  async build(generation: Generation | undefined, batches: readonly LogBatch[]): Promise<Sink> {
    const sink = await this.sink(generation)
    await follow(sink, [this.announced, ...batches])
    return sink
  }

  async close(): Promise<void> {
    const targets = [...this.#targets.values()]
    this.#targets.clear()
    for (const target of targets) await target[Symbol.asyncDispose]()
  }

  async swap(context: Partial<SinkContext> = {}): Promise<void> {
    await this.close()
    await this.plugin.generations!.swap(this.config, sinkContext(context), never)
  }

  async recall(): Promise<boolean> {
    await this.close()
    return this.plugin.generations!.recall(this.config, sinkContext(), never)
  }

  async drop(generation: Generation): Promise<void> {
    await this.close()
    await this.plugin.generations!.drop(this.config, sinkContext(), generation, never)
  }

  async purge(
    table: Table,
    keys: readonly (readonly string[])[],
    context: Partial<SinkContext> = {},
  ): Promise<readonly string[]> {
    await this.close()
    const rows = keys.map(texts => ({ table, key: keyFromTexts(texts) }))
    return this.plugin.purge!(this.config, sinkContext(context), { tables: [table], rows }, never)
  }

  async destroy(): Promise<readonly string[]> {
    await this.close()
    return this.plugin.destroy(this.config, sinkContext(), never)
  }

  /** In a process of its own; true if it killed itself at the crash point. */
  async inProcess(step: Step, crashPoint = ''): Promise<boolean> {
    await this.close()
    const script = fileURLToPath(new URL('./generation-child.ts', import.meta.url))
    const child = fork(script, [JSON.stringify({ ...this.place.child, step })], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, TAILRACE_CRASH: crashPoint },
    })
    let stderr = ''
    child.stderr?.on('data', chunk => {
      stderr += chunk
    })
    return new Promise((resolve, reject) => {
      child.on('exit', code => (code === null || code === 0 ? resolve(code === null) : reject(new Error(stderr))))
    })
  }

  client(): Promise<ItemsClient> {
    return this.place.generations!.client()
  }

  /** What users of the target see once nothing writes, as `id name`. */
  async seen(): Promise<string[]> {
    await this.close()
    await using client = await this.client()
    return [...(await client.read())].map(row => row.join(' ')).sort()
  }

  /** Rows of `items`, given as `id name`, as one batch. */
  put(...rows: readonly string[]): LogBatch {
    return this.putIn(items, ...rows)
  }

  putIn(table: Table, ...rows: readonly string[]): LogBatch {
    return this.log.batch(writer => {
      for (const row of rows) writer.row('u', table, tuple([...row.split(' '), null]))
    })
  }
}
