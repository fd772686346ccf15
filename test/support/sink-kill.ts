import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LogBatch, Table } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import type { Random } from '../crash/random.ts'
import { column, expectedRows, ScriptedLog, table, tuple } from './scripted-log.ts'
import { follow, rowsIn } from './sink-driver.ts'
import { LOG_ID, never, type SinkPlace, sinkContext } from './sink-rig.ts'

/** More than a process comes to between two kills. */
const BATCHES_A_KILL = 25
const KEYS = 40

/** What the child process is told: the sink, and how many batches there are. */
export type ScriptedChild = SinkPlace['child'] & { readonly length: number }

/**
 * Kills processes that write to the place, `times` at a random moment and as often between the rows of a batch and its
 * cursor, then lets another one go on to the end: its rows must be those of the log. Nobody may have the place open.
 * Answers how many of the former met a process at work.
 */
export async function surviveKills(place: SinkPlace, times: number, random: Random): Promise<number> {
  const length = 2 * times * BATCHES_A_KILL
  const child = { ...place.child, length }
  const script = killScript(length)
  let killed = 0
  for (let i = 0; i < times; i++) {
    if (await killAfter(child, random.between(1, 6), random.between(0, 8))) killed++
    assert.ok(await crashAt(child, child.crashPoint, random.between(1, 6)), 'it was done before its crash point')
  }
  await using target = await place.open(sinkContext())
  const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
  await follow(sink, script.batches)
  for (const each of script.tables) assert.deepEqual(await rowsIn(sink, each), expectedRows(script.batches, each.name))
  return killed
}

/** A long line of batches, the same in every process of this length: inserts, updates, deletes, moved keys, a truncate now and then. */
export function killScript(length: number): { batches: LogBatch[]; tables: Table[] } {
  const log = new ScriptedLog(LOG_ID)
  const columns = [column('id', 'int64'), column('version', 'int64'), column('body', 'text')]
  const tables = [table(1, 'public.one', columns), table(2, 'public.two', columns)]
  const batches = [
    log.batch(writer => {
      for (const each of tables) writer.announce(each)
    }),
  ]
  let seed = 1
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return (seed >>> 8) % below
  }
  for (let version = 1; version <= length; version++) {
    const of = tables[random(2)]!
    if (random(25) === 0) {
      batches.push(log.batch(writer => writer.truncate(of)))
      continue
    }
    batches.push(
      log.batch(writer => {
        for (let i = 0; i < 30; i++) {
          const each = tables[random(2)]!
          const id = String(random(KEYS))
          const cells = [id, String(version), `body ${version} ${i} `.repeat(20)]
          if (random(5) === 0) writer.delete(each, tuple([id, undefined, undefined]), false)
          else if (random(8) === 0) {
            const to = String(random(KEYS))
            writer.delete(each, tuple([id, undefined, undefined]), false, keyFromTexts([to]))
            writer.row('u', each, tuple([to, ...cells.slice(1)]), undefined, keyFromTexts([id]))
          } else writer.row('u', each, tuple(cells))
        }
      }),
    )
  }
  return { batches, tables }
}

/**
 * Lets a child process write to the place, kills it some milliseconds after it has committed some batches. False if it
 * was done before.
 */
export function killAfter(child: ScriptedChild, batches: number, milliseconds: number): Promise<boolean> {
  const running = start(child, {})
  let left = batches
  running.on('message', () => {
    if (--left === 0) setTimeout(() => running.kill('SIGKILL'), milliseconds)
  })
  return ended(running)
}

/** Lets a child process write to the place until it kills itself at the nth pass of a crash point. */
export function crashAt(child: ScriptedChild, point: string, pass: number): Promise<boolean> {
  return ended(start(child, { TAILRACE_CRASH: `${point}:${pass}` }))
}

function start(child: ScriptedChild, environment: NodeJS.ProcessEnv): ChildProcess {
  const script = fileURLToPath(new URL('./sink-child.ts', import.meta.url))
  return fork(script, [JSON.stringify(child)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, ...environment },
  })
}

/** True if it was killed, false if it was done. */
function ended(child: ChildProcess): Promise<boolean> {
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('exit', code => (code === null || code === 0 ? resolve(code === null) : reject(new Error(stderr))))
  })
}
