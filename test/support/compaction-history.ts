import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceLog } from '../../runtime/contract.ts'
import type { Retention } from '../../runtime/log/embedded/compaction/compactor.ts'
import { INDEX_FOLDER } from '../../runtime/log/embedded/key-index/opening.ts'
import type { BatchWriter } from '../../runtime/record/writer.ts'
import type { Random } from '../crash/random.ts'
import { forgetSome } from './forget-step.ts'
import { ITEMS, openIndexed } from './indexed-log.ts'
import { expectState, itemWriter, keyedUnit } from './keyed-units.ts'
import { never } from './log-life.ts'
import { ModelSink } from './model-sink.ts'
import { tuple } from './records.ts'
import { openCompacting } from './simulated-compaction.ts'
import { SimulatedFs } from './simulated-fs.ts'

/** Where a history's log stands: on a disk, with its index, or on a simulated one. */
export interface HistoryPlace {
  open(random: Random): Promise<SourceLog>
  /** Between two processes. */
  rest(random: Random): Promise<void>
}

/** `retention`: of each process. */
export function diskPlace(
  folder: string,
  retention: (random: Random) => Partial<Retention> = () => ({}),
): HistoryPlace {
  return {
    open: random => openIndexed(folder, { segmentBytes: random.between(400, 3000), retention: retention(random) }),
    async rest(random) {
      if (random.chance(0.3)) await rm(join(folder, INDEX_FOLDER), { recursive: true, force: true })
      if (random.chance(0.3)) await rm(join(folder, 'checkpoint'), { force: true })
    },
  }
}

export function simulatedPlace(
  random: Random,
  retention: (random: Random) => Partial<Retention> = () => ({}),
): HistoryPlace {
  let fs = new SimulatedFs(random)
  return {
    open: () => openCompacting(fs, random, retention(random)),
    async rest() {
      fs = fs.processDeath()
    },
  }
}

/**
 * One log through random changes, compactions, restarts and rebuilds of its index, and if `forgets` with rows that are
 * forgotten, with sinks that are slow, stopped,
 * removed, made anew and restored from copies. Throws if a sink, a look-up or a new reader ends otherwise than the
 * source.
 */
export class CompactionHistory {
  readonly #random: Random
  readonly #place: HistoryPlace
  readonly #source = new Map<string, string>()
  readonly #sinks: ModelSink[] = []
  readonly #copies = new Map<ModelSink, ReturnType<ModelSink['copy']>>()
  #log: SourceLog | undefined
  #writer!: BatchWriter
  #unit = 0
  #made = 0
  readonly figures = { compactions: 0, dropped: 0, restarts: 0, sinks: 0, forgotten: 0 }
  readonly #forgets: number

  /** `forgets`: how often, as a share of all steps. */
  constructor(random: Random, place: HistoryPlace, forgets = 0) {
    this.#forgets = forgets
    this.#random = random
    this.#place = place
  }

  async run(steps: number): Promise<void> {
    await this.#open()
    for (let i = 0; i < steps; i++) await this.#step()
    await this.#check()
    await this.#close()
  }

  async #open(): Promise<void> {
    this.#log = await this.#place.open(this.#random)
    this.#writer = itemWriter(this.#log)
  }

  async #close(): Promise<void> {
    for (const sink of this.#sinks) sink.stop()
    await this.#log?.[Symbol.asyncDispose]()
    this.#log = undefined
  }

  async #step(): Promise<void> {
    const random = this.#random
    const log = this.#log!
    const sink = this.#sinks.length === 0 ? undefined : this.#sinks[random.between(0, this.#sinks.length)]!
    if (random.chance(this.#forgets)) {
      for (const each of random.chance(0.6) ? this.#sinks : []) {
        while (!(await each.step(log, 20)));
        await each.save(log)
      }
      this.figures.forgotten += await forgetSome(log, random, this.#unit, this.#source)
      return
    }
    const dice = random.next()
    if (dice < 0.55) await this.#write()
    else if (dice < 0.62) await this.#compact()
    else if (dice < 0.65) this.#sinks.push(new ModelSink(`sink${++this.#made}`))
    else if (dice < 0.66) await this.#restart()
    else if (sink === undefined) return
    else if (dice < 0.88) {
      await sink.step(log, random.between(1, 4))
      if (random.chance(0.5)) await sink.save(log)
    } else if (dice < 0.9) sink.stop()
    else if (dice < 0.93) this.#copies.set(sink, sink.copy())
    else if (dice < 0.95) sink.restore(this.#copies.get(sink) ?? sink.copy())
    else if (dice < 0.97) await sink.save(log)
    else if (dice < 0.98) {
      sink.stop()
      await log.readers.remove(sink.name)
      this.#sinks.splice(this.#sinks.indexOf(sink), 1)
    } else {
      // Registered again with what its target held.
      sink.stop()
      await log.readers.remove(sink.name)
    }
  }

  async #write(): Promise<void> {
    await this.#log!.append(keyedUnit(this.#writer, this.#random, ++this.#unit, this.#source), never)
  }

  async #compact(): Promise<void> {
    const { scanned, kept } = await this.#log!.compact!(new AbortController().signal)
    this.figures.compactions++
    this.figures.dropped += scanned - kept
  }

  async #restart(): Promise<void> {
    await this.#close()
    await this.#place.rest(this.#random)
    this.figures.restarts++
    await this.#open()
  }

  async #check(): Promise<void> {
    const log = this.#log!
    for (const sink of [...this.#sinks, new ModelSink('fresh')]) await expectState(log, sink, this.#source)
    this.figures.sinks += this.#sinks.length + 1
    for (let unit = 0; unit <= this.#unit && log.newest !== undefined; unit++) {
      const change = await log.newest(ITEMS, tuple(String(unit)).bytes)
      const text = change === undefined || change.kind === 'd' ? undefined : change.text(1)
      if (text !== this.#source.get(String(unit)))
        throw new Error(`the newest change of ${unit} is not what the source has`)
    }
  }
}
