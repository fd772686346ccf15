import type { Logger } from 'pino'
import { Bell } from '../abort.ts'
import { TailraceError } from '../errors.ts'
import { generationOwner } from '../generation.ts'
import type { Quarantines } from '../quarantine/quarantines.ts'
import type { ShapeMemory } from '../shape/memory.ts'
import type { SinkPart } from '../sink-part.ts'
import type { RebuildOptions, RebuildStatus } from '../status.ts'
import type { RebuildPlan, RebuildPlans } from './plans.ts'
import { Rebuild } from './rebuild.ts'

export interface RebuildsPlace {
  readonly plans: RebuildPlans
  readonly quarantines: Quarantines
  readonly shapes: ShapeMemory
  readonly logger: Logger
  /** The next generation of a sink, not started. */
  readonly open: (live: SinkPart) => SinkPart
  readonly isPaused: (live: SinkPart) => boolean
  readonly onFatal: (error: TailraceError) => void
}

/** The sinks of a pipeline that are being built anew, beside what they hold. */
export class Rebuilds {
  readonly #place: RebuildsPlace
  readonly #running = new Map<string, Rebuild>()
  /** Asked for, and not yet running. */
  readonly #beginning = new Set<string>()
  readonly #ended = new Bell()

  constructor(place: RebuildsPlace) {
    this.#place = place
  }

  /** Goes on with one that a former process, or a former configuration, has left. */
  resume(live: SinkPart): void {
    const plan = this.#place.plans.get(live.name)
    const isUnderWay = this.#running.has(live.name) || this.#beginning.has(live.name)
    if (plan !== undefined && !isUnderWay) this.#start(live, plan)
  }

  /** Builds it by what is declared of its tables now. One that is under way looks to that itself. */
  reshape(live: SinkPart): void {
    const { name } = live
    const { logger } = this.#place
    if (this.has(name) || this.#beginning.has(name)) return
    logger.info({ sink: name }, 'what is declared of its tables has changed: the sink is built anew, then swapped')
    this.begin(live, { verify: false, rollback: false }, new AbortController().signal).catch(error =>
      logger.error({ sink: name, err: error }, 'the sink cannot be built anew'),
    )
  }

  /** Throws SINK_GENERATIONS, NO_GENERATION, GENERATION_SHAPE, REBUILD_BUSY. */
  async begin(live: SinkPart, options: RebuildOptions, signal: AbortSignal): Promise<void> {
    const { name, config } = live
    const { generations } = config.plugin
    const refusal = generations?.refusal?.(config.options)
    if (generations === undefined || refusal !== undefined) throw noGenerations(live, refusal)
    const former = this.#running.get(name)
    const isUnderWay = former !== undefined && (former.isSwapping || former.supervisor.state !== 'failed')
    if (isUnderWay || this.#beginning.has(name)) throw busy(name)
    this.#beginning.add(name)
    try {
      await this.#begin(live, options, signal)
    } finally {
      this.#beginning.delete(name)
    }
  }

  async #begin(live: SinkPart, { verify, rollback }: RebuildOptions, signal: AbortSignal): Promise<void> {
    const { name } = live
    await this.stop(name)
    const { plans } = this.#place
    if (rollback && !live.isShapedAs(generationOwner(name, 'previous'))) throw otherShape(name)
    const plan: RebuildPlan = { stage: rollback ? 'recalling' : 'clearing', verify }
    await plans.set(name, plan)
    if (rollback && (await live.upkeep({ act: 'recall' }, signal)).length === 0) {
      await plans.set(name, undefined)
      throw nonePrevious(name)
    }
    this.#start(live, plan)
  }

  /** The same, to its end; one that is under way serves as well. */
  async once(live: SinkPart, signal: AbortSignal): Promise<void> {
    if (!this.has(live.name)) await this.begin(live, { verify: false, rollback: false }, signal)
    await this.ended(live.name, signal)
  }

  #start(live: SinkPart, plan: RebuildPlan): void {
    const { name } = live
    const { plans, quarantines, shapes, logger, open, isPaused, onFatal } = this.#place
    const rebuild = new Rebuild(plan, {
      live,
      quarantines,
      shapes,
      logger,
      open: () => open(live),
      isPaused: () => isPaused(live),
      enter: stage => plans.set(name, stage),
      ended: () => {
        this.#running.delete(name)
        void rebuild.supervisor.stop()
        this.#ended.ring()
      },
    })
    this.#running.set(name, rebuild)
    rebuild.supervisor.start(isPaused(live))
    void rebuild.supervisor.fatal.then(onFatal)
  }

  async status(sink: string): Promise<RebuildStatus | null> {
    return (await this.#running.get(sink)?.status()) ?? null
  }

  has(sink: string): boolean {
    return this.#running.has(sink)
  }

  /** Nothing may be written to its live generation. */
  isSwapping(sink: string): boolean {
    return this.#place.plans.get(sink)?.stage === 'swapping'
  }

  /** Resolves once none of this sink is under way. */
  async ended(sink: string, signal: AbortSignal): Promise<void> {
    while (this.#running.has(sink)) await this.#ended.wait(signal)
  }

  /** With its sink. */
  async pause(sink: string): Promise<void> {
    await this.#running.get(sink)?.supervisor.pause()
  }

  unpause(sink: string): void {
    this.#running.get(sink)?.supervisor.resume()
  }

  /** Ends it in good order; the next process goes on. */
  async stop(sink: string): Promise<void> {
    const rebuild = this.#running.get(sink)
    await rebuild?.supervisor.stop()
    this.#running.delete(sink)
    this.#ended.ring()
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map(sink => this.stop(sink)))
  }

  /** Ends it for good: its sink is not there any more. */
  async forget(live: SinkPart): Promise<void> {
    await this.stop(live.name)
    await this.#place.plans.set(live.name, undefined)
    for (const { log } of live.sources) await log.readers.remove(generationOwner(live.name, 'next'))
  }
}

function noGenerations({ name, config }: SinkPart, refusal: string | undefined): TailraceError {
  const why = refusal ?? `sinks of the type "${config.plugin.type}" have no second generation`
  return new TailraceError('SINK_GENERATIONS', 'stop', `The sink "${name}" cannot be built beside itself: ${why}.`, {
    hint: 'tailrace remove --sink, then run, builds it anew in its place.',
  })
}

function nonePrevious(sink: string): TailraceError {
  return new TailraceError('NO_GENERATION', 'stop', `There is nothing that the sink "${sink}" held before.`, {
    hint: 'What was live is kept from one tailrace backfill --sink to the next.',
  })
}

function otherShape(sink: string): TailraceError {
  return new TailraceError(
    'GENERATION_SHAPE',
    'stop',
    `What the sink "${sink}" held before, if anything, came there by another where, fields or schemaChanges.`,
    { hint: 'Set them back, then restart, or send SIGHUP: the sink is built anew by them.' },
  )
}

function busy(sink: string): TailraceError {
  return new TailraceError('REBUILD_BUSY', 'stop', `The sink "${sink}" is being built anew already.`, {
    hint: 'tailrace status says how far it is.',
  })
}
