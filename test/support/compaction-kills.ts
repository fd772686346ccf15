import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import embedded from '../../runtime/log/embedded.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { Random } from '../crash/random.ts'
import { ITEMS } from './indexed-log.ts'
import { expectState, keyedUnit } from './keyed-units.ts'
import { lastUnit, silent } from './log-life.ts'
import { ModelSink } from './model-sink.ts'
import { tuple } from './records.ts'

const SCRIPT = fileURLToPath(new URL('./compaction-child.ts', import.meta.url))

/** The steps of a compaction at which a process can be ended, in their order. */
export const KILL_POINTS = ['written', 'synced', 'based', 'placed', 'removed'] as const

const IN_THREAD = new Set(['written', 'synced'])
/** A process that is never killed. */
const TIMEOUT_MS = 30_000

export interface KillFigures {
  readonly kills: number
  readonly units: number
}

/** One log whose process is killed at each of these points in turn; after each all is held against what was acknowledged. */
export async function killCompactions(points: readonly string[], seed: number): Promise<KillFigures> {
  const place = await mkdtemp(join(tmpdir(), 'tailrace-compaction-kills-'))
  try {
    const folder = join(place, 'log')
    const random = new Random(seed)
    let units = 0
    for (const [i, point] of points.entries()) {
      // Those in the thread of a pass count from its beginning.
      const passes = IN_THREAD.has(point) ? 1 : random.between(1, 4)
      const acknowledged = await killedAt(folder, `compaction.${point}:${passes}`, seed)
      try {
        units = await check(folder, acknowledged, seed)
      } catch (cause) {
        throw new Error(`after kill ${i + 1}, at ${point}`, { cause })
      }
    }
    return { kills: points.length, units }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/** Answers the last unit that was acknowledged. */
async function killedAt(folder: string, crash: string, seed: number): Promise<number> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', SCRIPT, folder, String(seed)], {
    env: { ...process.env, TAILRACE_CRASH: crash, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
  })
  let acknowledged = 0
  createInterface({ input: child.stdout }).on('line', line => {
    acknowledged = Number(line)
  })
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (signal !== 'SIGKILL') throw new Error(`the process ended by itself before ${crash}`)
  return acknowledged
}

/** Answers the last unit. */
async function check(folder: string, acknowledged: number, seed: number): Promise<number> {
  const context = { pipeline: 'test', name: 'app', logger: silent, folder }
  await using log = await embedded.open(embedded.config.parse({ path: folder }), context)
  const unit = await lastUnit(log)
  if (unit < acknowledged) throw new Error(`unit ${acknowledged} was acknowledged, ${unit} is the last`)
  const state = new Map<string, string>()
  const writer = new BatchWriter()
  writer.announce(ITEMS)
  for (let n = 1; n <= unit; n++) keyedUnit(writer, new Random(seed + n), n, state)
  await expectState(log, new ModelSink(`new ${unit}`), state)
  for (const sink of await log.readers.list()) await log.readers.remove(sink.name)
  for (const [key, text] of state) {
    const change = await log.newest!(ITEMS, tuple(key).bytes)
    if (change?.text(1) !== text) throw new Error(`the newest change of ${key} is not ${text}`)
  }
  const names = await readdir(folder)
  const bases = names.filter(name => name.startsWith('base.'))
  if (bases.length > 1) throw new Error(`there is ${bases.join(', ')}`)
  return unit
}
