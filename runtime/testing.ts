/**
 * `tailrace/testing`: a whole pipeline inside a test suite, against a database of the suite's own, gone without a trace
 * when it is disposed of. docs/testing.md shows it at work.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { sleep } from './abort.ts'
import { databaseOf, type FeedSource } from './change-feed.ts'
import { errorMessage, TailraceError } from './errors.ts'
import { listen } from './http/server.ts'
import { createLogger } from './logger.ts'
import { runPipeline } from './pipeline/run.ts'
import type { Pipeline } from './pipeline.ts'
import type { PipelineConfig } from './pipeline-config.ts'
import type { Part, PipelineStatus } from './status.ts'
import { failureOf, whatIsBehind } from './testing/behind.ts'
import { testConfig } from './testing/config.ts'
import { type Envelope, envelopes } from './testing/envelopes.ts'

export interface StartOptions {
  /** A file, the text of one (it has a line break), or the same as an object. */
  readonly config: string | object
  /** By name of a source, or of a sink: the `url` it has in this test instead of the one in `config`. */
  readonly urls?: Readonly<Record<string, string>>
  /** What goes to standard error; default `silent`. */
  readonly logLevel?: 'silent' | 'error' | 'warn' | 'info' | 'debug'
}

export interface SyncOptions {
  /** Milliseconds. Default 4000: less than the runners' own limit of 5 s, so that the error says what is behind. */
  readonly timeout?: number
}

export interface ChangesOptions {
  /** Patterns of full names, `source.schema.table`. Default: every table. */
  readonly tables?: readonly string[]
  /** `start` (default), `end`, or the `cursor` of a change. */
  readonly from?: string
  /** True: goes on at the end, until the loop is left or the pipeline is gone. Default: ends at what is the end now. */
  readonly follow?: boolean
}

const FAILURE_POLL_MS = 200
const REMOVE_MS = 20_000

/**
 * Runs a pipeline in this process. Resolves once every part of it runs or waits for its server; `synced` then waits for
 * the first load. Throws what is wrong with the configuration or hinders a part for good, and leaves nothing behind.
 */
export async function start({ config, urls = {}, logLevel = 'silent' }: StartOptions): Promise<TestPipeline> {
  const logger = createLogger(logLevel)
  const stack = new AsyncDisposableStack()
  try {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-test-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const loaded = await testConfig({ config, urls, folder })
    stack.defer(() => removeMade(loaded, logger))
    const pipeline = stack.use(await runPipeline(loaded, logger))
    const http = stack.use(await listen({ host: '127.0.0.1', port: 0, token: undefined }, logger))
    http.serve(pipeline, loaded)
    await pipeline.started
    return new TestPipeline(pipeline, loaded, { folder, url: http.url }, stack)
  } catch (error) {
    // What was not reached has nothing to remove, and the reason is the first error.
    await stack.disposeAsync().catch(second => logger.warn(`after a failed start: ${errorMessage(second)}`))
    throw error
  }
}

/** Slots, publications, and what the sinks made in their targets. */
async function removeMade({ pipeline, log, sources, sinks }: PipelineConfig, logger: Logger): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const names = sources.map(({ name }) => name)
  for (const { name, plugin, options } of sources) {
    const place = { pipeline, name, logger, folder: join(log.path, name) }
    stack.defer(async () => void (await plugin.destroy(options, place, AbortSignal.timeout(REMOVE_MS))))
  }
  for (const { name, plugin, options, onDelete } of sinks) {
    const place = { pipeline, name, logger, sources: names, onDelete }
    stack.defer(async () => void (await plugin.destroy(options, place, AbortSignal.timeout(REMOVE_MS))))
  }
}

/** A running pipeline. Disposed of, it stops and takes away all that it made: its folder, slots, targets. */
export class TestPipeline implements AsyncDisposable {
  /** Where the sinks write what the configuration names by a relative path. */
  readonly folder: string
  /** Of its HTTP API, on a free port of this machine. */
  readonly url: string
  readonly #pipeline: Pipeline
  readonly #config: PipelineConfig
  readonly #stack: AsyncDisposableStack
  readonly #end = new AbortController()

  constructor(
    pipeline: Pipeline,
    config: PipelineConfig,
    place: { readonly folder: string; readonly url: string },
    stack: AsyncDisposableStack,
  ) {
    this.#pipeline = pipeline
    this.#config = config
    this.#stack = stack
    this.folder = place.folder
    this.url = place.url
  }

  /**
   * Resolves once these sinks (default: all) hold everything that was committed before the call, first loads included.
   * Throws the error of a part that has failed for good, WAIT_TIMEOUT with what is behind, UNKNOWN_SINK.
   */
  async synced(sinks?: string | readonly string[], { timeout = 4000 }: SyncOptions = {}): Promise<void> {
    const names = sinks === undefined ? this.#pipeline.sinks() : typeof sinks === 'string' ? [sinks] : sinks
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(), timeout)
    const signal = AbortSignal.any([limit.signal, this.#end.signal])
    const dead = this.#pipeline.failed.then(error => {
      throw error
    })
    try {
      await Promise.race([this.#pipeline.wait(names, signal), this.#failure(names, signal), dead])
    } catch (error) {
      if (!limit.signal.aborted) throw error
      const behind = whatIsBehind(await this.status(), names)
      throw new TailraceError('WAIT_TIMEOUT', 'stop', `Not everything was applied within ${timeout} ms: ${behind}.`, {
        hint: 'Give `synced` a longer `timeout` if that is only slow; `status()` has the details.',
      })
    } finally {
      clearTimeout(timer)
      limit.abort()
    }
  }

  /** Rejects when one of these sinks, or a source they take from, has failed for good. */
  async #failure(sinks: readonly string[], signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(FAILURE_POLL_MS, signal)
      const failure = failureOf(await this.status(), sinks)
      if (failure !== undefined) throw failure
    }
  }

  status(): Promise<PipelineStatus> {
    return this.#pipeline.status()
  }

  /** Changes in the log's order, those of a first load (`r`) included. Throws CURSOR_FOREIGN, CONFIG_PATTERN. */
  changes({ tables, from = 'start', follow = false }: ChangesOptions = {}): AsyncIterable<Envelope> {
    const sources = this.#config.sources.map(
      ({ name, plugin, options }): FeedSource => ({
        name,
        type: plugin.type,
        database: databaseOf(options),
        log: this.#pipeline.log(name),
      }),
    )
    return envelopes(sources, { from, follow, ...(tables !== undefined && { tables }) }, this.#end.signal)
  }

  /** Resolves once the part stands still. Throws UNKNOWN_SOURCE, UNKNOWN_SINK. */
  pause(part: Part): Promise<void> {
    return this.#pipeline.pause(part)
  }

  /** Also starts a failed part again. */
  resume(part: Part): Promise<void> {
    return this.#pipeline.resume(part)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new TailraceError('STOPPED', 'stop', 'The pipeline was disposed of.'))
    await this.#stack.disposeAsync()
  }
}
