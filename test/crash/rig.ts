import pino from 'pino'
import type { Cursor, SourceLog } from '../../runtime/contract.ts'
import embedded from '../../runtime/log/embedded.ts'
import { judge, type Verdict } from './checks.ts'
import { compareAtRest } from './compare.ts'
import type { AckWatch, Ground } from './ground.ts'
import { type CommittedTransaction, History } from './history.ts'
import { PipelineProcess, type Site } from './pipeline-process.ts'
import { type Sampled, Sampler } from './sampler.ts'
import { Trail } from './trail.ts'
import { HOT_KEYS, WRITTEN_KEYS, Writer } from './writer.ts'

const CATCH_UP_SECONDS = 600

export interface RigOptions {
  readonly seed: number
  /** Transactions a second. */
  readonly rate: number
  /** Rows that `by_number` holds from the start. */
  readonly filled: number
}

export interface Proof {
  readonly verdict: Verdict
  readonly sampled: Sampled
  readonly committed: number
  readonly aborted: number
  /** Transactions a second that the writer reached. */
  readonly rate: number
  readonly slotSamples: number
}

/** One proof: a database with the writer on it, a pipeline, samplers on sinks and slot, and the verdict over it all. */
export class Rig implements AsyncDisposable {
  readonly ground: Ground
  readonly writer: Writer
  readonly watch: AckWatch
  readonly trail = new Trail()
  readonly #sampler: Sampler
  readonly #filled: number
  readonly #resources: AsyncDisposableStack
  readonly #running: { process: PipelineProcess | undefined }

  private constructor(
    { ground, writer, watch }: Pick<Rig, 'ground' | 'writer' | 'watch'>,
    sampler: Sampler,
    filled: number,
    running: { process: PipelineProcess | undefined },
    resources: AsyncDisposableStack,
  ) {
    this.ground = ground
    this.writer = writer
    this.watch = watch
    this.#sampler = sampler
    this.#filled = filled
    this.#running = running
    this.#resources = resources
  }

  /** The writer writes when it resolves; no pipeline runs yet. The ground is gone with it. */
  static async open(ground: Ground, { seed, rate, filled }: RigOptions): Promise<Rig> {
    await using resources = new AsyncDisposableStack()
    const { url, site } = resources.use(ground)
    const sampler = resources.use(
      new Sampler({ sqlite: site.sqlite, jsonl: site.jsonl, hot: HOT_KEYS, watched: WRITTEN_KEYS }),
    )
    sampler.loading = true
    const running: { process: PipelineProcess | undefined } = { process: undefined }
    const watch = resources.use(await ground.watch(() => positionOf(running.process)))
    const writer = resources.use(await Writer.start({ url, seed, rate, filled }))
    const parts = { ground, writer, watch }
    return new Rig(parts, sampler, filled, running, resources.move())
  }

  get site(): Site {
    return this.ground.site
  }

  /** Starts the pipeline; the one before must have ended. */
  async start(crash = ''): Promise<PipelineProcess> {
    this.#running.process = await PipelineProcess.startProbed(this.site, crash)
    return this.#running.process
  }

  /** From here on rows that were seen must not go without a delete. */
  loadIsDone(): void {
    this.#sampler.loading = false
  }

  /** Reads the log on, from outside. Answers how many changes came. */
  async follow(): Promise<number> {
    await using log = await this.inspect()
    return await this.trail.advance(log)
  }

  /** The log of the source, up to its durable mark. */
  inspect(): Promise<SourceLog> {
    return embedded.inspect!(this.#logConfig(), this.#logContext())
  }

  /** Opens the log as its owner, which recovers it; the pipeline must not run. */
  openLog(): Promise<SourceLog> {
    return embedded.open(this.#logConfig(), this.#logContext())
  }

  /**
   * What the dead pipeline's log holds: its position and its last offset. As its owner (which recovers it) that is
   * exact, and the slot is held against it; as an outsider it is what the pipeline last said.
   */
  async durable(asOwner: boolean): Promise<{ position: string | undefined; entries: number }> {
    await using log = asOwner ? await this.openLog() : await this.inspect()
    const position = (await log.resume())?.stream
    if (asOwner && position !== undefined) await this.watch.checkAgainst(position)
    return { position, entries: offsetOf(log.end()) }
  }

  #logConfig(): Parameters<typeof embedded.open>[0] {
    return embedded.config.parse({ path: this.site.data })
  }

  #logContext(): Parameters<typeof embedded.open>[1] {
    return { pipeline: 'oracle', name: 'app', logger: pino({ level: 'silent' }), folder: this.site.log }
  }

  /** Ends writing, waits for the sinks, compares, ends the pipeline in good order, and judges. */
  async prove(process: PipelineProcess, more: readonly CommittedTransaction[] = []): Promise<Proof> {
    const written = await this.writer.stop()
    await process.wait(CATCH_UP_SECONDS)
    const different = await compareAtRest(this.ground)
    const sampled = await this.#sampler.stop()
    await this.watch[Symbol.asyncDispose]()
    process.kill('SIGTERM')
    const { code } = await process.exit
    if (code !== 0) throw new Error(`the pipeline ended with ${code} on SIGTERM:\n${process.output}`)
    await this.follow()
    const history = new History([...written.transactions, ...more], this.#filled)
    const verdict = judge({ history, trail: this.trail, sampled, different, ahead: this.watch.ahead })
    const { transactions, aborted, rate } = written
    const { samples: slotSamples } = this.watch
    return { verdict, sampled, committed: transactions.length, aborted, rate, slotSamples }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.process?.[Symbol.asyncDispose]()
    await this.#resources.disposeAsync()
  }
}

/** What the running pipeline says it has made durable; undefined while there is none to ask. */
async function positionOf(process: PipelineProcess | undefined): Promise<string | undefined> {
  if (process === undefined || process.exited) return undefined
  try {
    return (await process.status()).sources.app?.position ?? undefined
  } catch {
    // It was killed amid the question.
    return undefined
  }
}

/** The last part of a cursor of the embedded log; 0: none. */
export function offsetOf(cursor: Cursor | undefined): number {
  return cursor === undefined ? 0 : Number(cursor.split(':')[1])
}
