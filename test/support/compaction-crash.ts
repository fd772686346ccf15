import type { SourceLog } from '../../runtime/contract.ts'
import { errorCode } from '../../runtime/errors.ts'
import type { Retention } from '../../runtime/log/embedded/compaction/compactor.ts'
import type { Random } from '../crash/random.ts'
import { expectState, itemWriter, keyedUnit } from './keyed-units.ts'
import { FOLDER, lastUnit, never } from './log-life.ts'
import { ModelSink } from './model-sink.ts'
import { openCompacting } from './simulated-compaction.ts'
import { type Fault, SimulatedFs } from './simulated-fs.ts'

const UNITS_A_LIFE = 30
/** Files that a log may hold, beside its segments and its base. */
const KNOWN = new Set(['manifest', 'checkpoint', 'durable', 'readers'])

/** What a fault is to strike. */
export interface CrashWork {
  readonly retention?: Partial<Retention>
  /** How many the fault may let pass, more or less; default: one. */
  readonly runs?: number
  /** Ahead of the fault. */
  begin?(log: SourceLog, sink: ModelSink): Promise<void>
  /** `state`: what the source has behind the unit of this number, which is the last. */
  run(log: SourceLog, state: ReadonlyMap<string, string>, unit: number): Promise<void>
  /** Of a log that was opened after the fault. */
  check?(log: SourceLog): Promise<void>
}

const COMPACTING: CrashWork = {
  async run(log) {
    await log.compact!(never)
  },
}

/** In which step of compaction a fault struck. */
export const STEPS = ['write', 'sync', 'name', 'base', 'manifest', 'remove'] as const
export type Step = (typeof STEPS)[number]

export function stepOf(struck: string): Step | undefined {
  const [what, file] = struck.split(' ') as [string, string]
  if (/^\d{16}\.\d+\.log$/.test(file) && what !== 'read') return what === 'remove' || what === 'sync' ? what : 'write'
  if (/^\d{16}\.log$/.test(file)) return what === 'remove' ? 'remove' : undefined
  if (file.startsWith('base.')) return what === 'remove' ? 'remove' : 'base'
  if (file.startsWith('manifest')) return 'manifest'
  return file === 'app' && what === 'sync' ? 'name' : undefined
}

/**
 * A log through several lives, each of which ends by a fault somewhere in a compaction. After each it is opened again:
 * every row must be there as the last whole unit left it, for a new sink and for one that goes on, and no file be left
 * that nobody knows. Answers the operations that were struck.
 */
export async function crashCompaction(random: Random, lives: number, work = COMPACTING): Promise<string[]> {
  const struck: string[] = []
  /** What the source held behind each unit. */
  const states: ReadonlyMap<string, string>[] = [new Map()]
  const sink = new ModelSink('slow')
  let fs = new SimulatedFs(random)
  for (let life = 0; life < lives; life++) {
    fs.arm(undefined)
    await liveOnce(fs, random, states, sink, work)
    if (fs.struck !== undefined) struck.push(fs.struck)
    sink.stop()
    fs = random.chance(0.7) ? fs.powerLoss() : fs.processDeath()
    await check(fs, random, states, sink, work)
    fs = fs.powerLoss()
  }
  return struck
}

async function liveOnce(
  fs: SimulatedFs,
  random: Random,
  states: ReadonlyMap<string, string>[],
  sink: ModelSink,
  work: CrashWork,
): Promise<void> {
  const log = await openCompacting(fs, random, work.retention)
  const unit = await lastUnit(log)
  states.length = unit + 1
  const writer = itemWriter(log)
  const append = async (): Promise<void> => {
    const state = new Map(states.at(-1))
    states.push(state)
    await log.append(keyedUnit(writer, random, states.length - 1, state), never)
  }
  for (let i = 0; i < UNITS_A_LIFE; i++) {
    await append()
    if (random.chance(0.3)) await sink.step(log, 2)
    if (random.chance(0.2)) await sink.save(log)
  }
  await work.begin?.(log, sink)
  const code = random.chance(0.8) ? 'POWER' : random.chance(0.5) ? 'EIO' : 'ENOSPC'
  const only = ([undefined, 'write', 'sync', 'rename', 'remove'] as const)[random.between(0, 5)]
  const operation = random.between(1, (only === undefined ? 90 : 16) * (work.runs ?? 1))
  const fault: Fault =
    only === 'sync' && random.chance(0.4) ? syncOfCompacted(random, code) : { operation, code, ...(only && { only }) }
  fs.arm(fault, random.chance(0.3))
  try {
    while (fs.struck === undefined) {
      await work.run(log, states.at(-1)!, states.length - 1)
      await append()
      await sink.step(log, 3)
      await sink.save(log)
    }
  } catch (error) {
    if (errorCode(error) === undefined || errorCode(error) === 'LOG_DAMAGED') throw error
  }
}

function syncOfCompacted(random: Random, code: Fault['code']): Fault {
  return { operation: random.between(1, 5), code, only: 'sync', of: /\.\d+\.log$/ }
}

async function check(
  fs: SimulatedFs,
  random: Random,
  states: readonly ReadonlyMap<string, string>[],
  sink: ModelSink,
  work: CrashWork,
): Promise<void> {
  const log = await openCompacting(fs, random, work.retention)
  const unit = await lastUnit(log)
  await work.check?.(log)
  // The fault may have struck the last append.
  if (unit < states.length - 2) throw new Error(`unit ${states.length - 2} was acknowledged, ${unit} is the last`)
  for (const one of [new ModelSink('new'), sink]) await expectState(log, one, states[unit]!)
  const names = [...fs.files().keys()].map(path => path.slice(FOLDER.length + 1))
  const strange = names.filter(name => !KNOWN.has(name) && !/^\d{16}(\.\d+)?\.log$|^base\.\d+$|\.new$/.test(name))
  const bases = names.filter(name => /^base\.\d+$/.test(name))
  if (strange.length > 0 || bases.length > 1) throw new Error(`there is ${[...strange, ...bases].join(', ')}`)
  const { bytes } = await log.stats()
  const segments = [...fs.files()].filter(([path]) => path.endsWith('.log'))
  const held = segments.reduce((sum, [, content]) => sum + content.length, 0)
  if (held !== bytes) throw new Error(`the segments take ${held} bytes, the log says ${bytes}`)
}
