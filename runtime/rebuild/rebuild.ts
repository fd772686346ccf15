import { once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { Generation } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { generationOwner } from '../generation.ts'
import type { Quarantines } from '../quarantine/quarantines.ts'
import { HELD_AS_IT_IS, type ShapeMemory } from '../shape/memory.ts'
import { NO_SHAPE } from '../shape/spec.ts'
import type { SinkPart } from '../sink-part.ts'
import type { RebuildStatus } from '../status.ts'
import { statusError } from '../status-error.ts'
import { Supervisor, type Work } from '../supervisor.ts'
import { verifySink } from '../verify/sink.ts'
import type { RebuildPlan } from './plans.ts'

export interface RebuildPlace {
  /** The live generation. */
  readonly live: SinkPart
  /** The next one, not started. */
  readonly open: () => SinkPart
  /** Durable when it resolves. */
  readonly enter: (plan: RebuildPlan | undefined) => Promise<void>
  /** A person has paused the sink. */
  readonly isPaused: () => boolean
  readonly ended: () => void
  readonly quarantines: Quarantines
  readonly shapes: ShapeMemory
  readonly logger: Logger
}

const NOTHING = { records: null, bytes: null, seconds: null } as const

/**
 * Builds the next generation of a sink beside the live one, by a delivery of its own, and swaps them: the live delivery
 * ends, the next one comes as far, the target swaps, and the live one goes on from the cursors that it now has. From when
 * the swap has begun until it is done, over restarts and failures too, nothing else is written to the target.
 */
export class Rebuild {
  readonly supervisor: Supervisor
  readonly #place: RebuildPlace
  #plan: RebuildPlan
  #next: SinkPart | undefined
  #isVerifying = false

  constructor(plan: RebuildPlan, place: RebuildPlace) {
    this.#plan = plan
    this.#place = place
    this.supervisor = new Supervisor(`rebuilding of sink ${place.live.name}`, place.logger, work => this.#work(work))
  }

  /** The live generation must not be written. */
  get isSwapping(): boolean {
    return this.#plan.stage === 'swapping'
  }

  async status(): Promise<RebuildStatus> {
    const next = await this.#next?.status()
    const { state, error } = this.supervisor
    return {
      phase: this.#isVerifying ? 'verifying' : this.#plan.stage,
      state: state === 'running' && next !== undefined ? next.state : state,
      progress: next?.progress ?? null,
      lag: next?.lag ?? NOTHING,
      error: statusError(error) ?? next?.error ?? null,
    }
  }

  async #work({ drain, signal, running }: Work): Promise<void> {
    running()
    const { live, ended, quarantines, shapes } = this.#place
    // What was built by former rules is not gone on with.
    if (this.#plan.stage === 'building' && !live.isShapedAs(this.#readers.next)) await this.#enter('clearing')
    const { stage } = this.#plan
    if (stage === 'clearing' || stage === 'recalling') {
      await this.#unregister()
      const { previous, next } = this.#readers
      if (stage === 'clearing') await quarantines.of(next).replace([])
      else await quarantines.copy(previous, next)
      if (stage === 'clearing') await this.#declare(next)
      else await shapes.copy(previous, next)
      await live.upkeep(stage === 'clearing' ? { act: 'drop', generation: 'next' } : { act: 'recall' }, drain)
      await this.#enter('building')
    }
    if (!this.isSwapping) await this.#build(drain)
    await this.#swap(signal)
    ended()
    if (!drain.aborted) await once(drain, 'abort')
  }

  get #readers(): Record<Generation, string> {
    const { name } = this.#place.live
    return { next: generationOwner(name, 'next'), previous: generationOwner(name, 'previous') }
  }

  /** The next generation is filled by what is declared now; it knows the columns that the live one knows. */
  async #declare(next: string): Promise<void> {
    const { live, shapes } = this.#place
    const options = live.config.shape
    const held = shapes.get(live.name) ?? HELD_AS_IT_IS
    const tables = held.options.schemaChanges === options.schemaChanges ? held.tables : {}
    await shapes.set(next, isDeepStrictEqual(options, NO_SHAPE) ? undefined : { options, anew: [], tables })
  }

  async #enter(stage: RebuildPlan['stage']): Promise<void> {
    const plan = { ...this.#plan, stage }
    await this.#place.enter(plan)
    this.#plan = plan
  }

  /** Ends with the live and the next one at rest, the next one as far as the live one at least. */
  async #build(drain: AbortSignal): Promise<void> {
    const next = this.#place.open()
    const over = new AbortController()
    const signal = AbortSignal.any([drain, over.signal])
    this.#next = next
    next.supervisor.start(false)
    try {
      const failed = failureOf(next, signal)
      failed.catch(() => {})
      await Promise.race([failed, this.#follow(next, signal)])
      await next.supervisor.stop()
      const { live, quarantines, shapes } = this.#place
      await quarantines.copy(live.name, this.#readers.previous)
      await shapes.copy(live.name, this.#readers.previous)
      await this.#enter('swapping')
    } finally {
      over.abort(drain.reason)
      this.#next = undefined
      await next.supervisor.stop()
      if (!this.isSwapping) this.#release()
    }
  }

  async #follow(next: SinkPart, signal: AbortSignal): Promise<void> {
    const { live } = this.#place
    for (const { name } of next.sources) await next.delivery(name)!.becameLive(signal)
    if (this.#plan.verify) await this.#verify(next, signal)
    await live.supervisor.pause()
    for (const { name, log } of live.sources) {
      const cursor = live.delivery(name)!.cursor
      if (cursor !== undefined) await next.delivery(name)!.reached(log, cursor, signal)
    }
  }

  async #verify(next: SinkPart, signal: AbortSignal): Promise<void> {
    this.#isVerifying = true
    try {
      const request = { sink: next.name, tables: undefined, fix: false }
      const silent = async (): Promise<void> => {}
      const events = { difference: silent, unsettled: silent, progress: silent }
      const { equal, tables } = await verifySink(next, request, events, signal)
      if (!equal)
        throw differs(
          next.name,
          tables.filter(isDifferent).map(({ table }) => table),
        )
    } finally {
      this.#isVerifying = false
    }
  }

  async #swap(signal: AbortSignal): Promise<void> {
    const { live, enter, quarantines, shapes } = this.#place
    await live.supervisor.pause()
    await live.upkeep({ act: 'swap' }, signal)
    const { next } = this.#readers
    await quarantines.copy(next, live.name)
    await shapes.copy(next, live.name)
    for (const { log } of live.sources) {
      const cursor = await log.readers.load(next)
      if (cursor !== undefined) await log.readers.save(live.name, cursor)
      await log.readers.remove(next)
    }
    await enter(undefined)
    await quarantines.of(next).replace([])
    await shapes.set(next, undefined)
    this.#release()
  }

  async #unregister(): Promise<void> {
    const { live } = this.#place
    for (const { log } of live.sources) await log.readers.remove(this.#readers.next)
  }

  /** The live delivery goes on. */
  #release(): void {
    const { live, isPaused } = this.#place
    if (!isPaused()) live.supervisor.resume()
  }
}

/** Rejects with what the part has failed of. */
async function failureOf({ supervisor }: SinkPart, signal: AbortSignal): Promise<never> {
  while (supervisor.state !== 'failed') await supervisor.changed(signal)
  throw supervisor.error
}

function isDifferent({ missing, extra, different }: { missing: number; extra: number; different: number }): boolean {
  return missing + extra + different > 0
}

function differs(sink: string, tables: readonly string[]): TailraceError {
  return new TailraceError('REBUILD_DIFFERS', 'stop', `The new ${tables.join(', ')} differs from the source.`, {
    hint: `What is live stays. tailrace backfill --sink ${sink} builds it anew once more; tailrace verify --sink ${sink} --fix mends what is live.`,
  })
}
