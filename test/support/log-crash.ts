import type { Cursor, SourceLog } from '../../runtime/contract.ts'
import { errorCode } from '../../runtime/errors.ts'
import { Random } from '../crash/random.ts'
import { contents, lastUnit, open, UnitSource, Watcher } from './log-life.ts'
import { type Fault, SimulatedFs } from './simulated-fs.ts'

const UNITS_A_LIFE = 12

/** What a log promised before it died. */
interface Promises {
  /** The last unit that was acknowledged, and the cursor handed out for it. */
  acknowledged: number
  cursor: Cursor | undefined
  /** The last unit whose append was begun. */
  attempted: number
  /** The last unit that a reader has seen. */
  seen: number
  /** Cursors of offsets beyond what a session has left behind: foreign for ever. */
  readonly lost: Cursor[]
}

export interface CrashFigures {
  crashPoints: number
  acknowledged: number
  lost: number
  unfinished: number
}

/**
 * One log through several lives, each ended by a fault at a random operation: power loss, death of the process, a
 * failing or a full disk. After each the log is opened again and held against what it promised.
 */
export async function crashLog(seed: number, lives: number): Promise<CrashFigures> {
  const random = new Random(seed)
  const figures = { crashPoints: 0, acknowledged: 0, lost: 0, unfinished: 0 }
  const promises: Promises = { acknowledged: 0, cursor: undefined, attempted: 0, seen: 0, lost: [] }
  let fs = new SimulatedFs(random)
  for (let life = 0; life < lives; life++) {
    fs.arm(randomFault(random, life), random.chance(0.3))
    const fault = await live(fs, random, life, promises)
    if (fault !== undefined) figures.crashPoints++
    fs = random.chance(0.7) ? fs.powerLoss() : fs.processDeath()
    await check(fs, promises, figures)
    // The check itself opened the log: what it saw is durable, and stays so through one more loss of power.
    fs = fs.powerLoss()
    await check(fs, promises, figures)
  }
  figures.acknowledged = promises.acknowledged
  return figures
}

function randomFault(random: Random, life: number): Fault {
  const operation = random.between(1, life === 0 ? 90 : 140)
  const kind = random.next()
  return { operation, code: kind < 0.7 ? 'POWER' : kind < 0.85 ? 'EIO' : 'ENOSPC' }
}

/** Appends units until the fault strikes; answers its code, or undefined if the life ended without. */
async function live(fs: SimulatedFs, random: Random, life: number, promises: Promises): Promise<string | undefined> {
  let fault: string | undefined
  let log: SourceLog | undefined
  try {
    log = await open(fs)
    const watcher = new Watcher(log)
    try {
      fault = await feed(log, random, life, promises)
    } finally {
      await watcher.stop()
      promises.seen = Math.max(promises.seen, watcher.newest)
    }
    if (fault === undefined && random.chance(0.3)) await log[Symbol.asyncDispose]()
  } catch (error) {
    fault = codeOf(error)
    if (fault === 'LOG_DAMAGED') throw error
  }
  return fault
}

/** A fault that the log survives is answered as a source would: resume, and go on behind the last whole unit. */
async function feed(log: SourceLog, random: Random, life: number, promises: Promises): Promise<string | undefined> {
  let fault: string | undefined
  let source = new UnitSource(random, await lastUnit(log), life * 10)
  for (let i = 0; i < UNITS_A_LIFE; i++) {
    try {
      const batches = source.next()
      promises.attempted = Math.max(promises.attempted, source.unit)
      for (const batch of batches) {
        const appended = await log.append(batch, new AbortController().signal)
        if (appended === undefined) continue
        promises.acknowledged = source.unit
        promises.cursor = appended.cursor
      }
    } catch (error) {
      fault = codeOf(error)
      const unit = await lastUnit(log)
      if (unit < promises.acknowledged) throw new Error(`resumed at ${unit}, acknowledged ${promises.acknowledged}`)
      source = new UnitSource(random, unit, life * 10 + i + 1)
    }
  }
  return fault
}

async function check(fs: SimulatedFs, promises: Promises, figures: CrashFigures): Promise<void> {
  fs.arm(undefined)
  const log = await open(fs)
  const unit = await lastUnit(log)
  if (unit < promises.acknowledged)
    throw new Error(`unit ${promises.acknowledged} was acknowledged, ${unit} is the last`)
  if (unit < promises.seen) throw new Error(`a reader saw unit ${promises.seen}, ${unit} is the last`)
  if (unit > promises.attempted) throw new Error(`unit ${unit} was never appended`)
  const found = await contents(log)
  if (promises.cursor !== undefined) {
    const order = log.compare(promises.cursor, log.end()!)
    const expected = unit > promises.acknowledged ? 'before' : 'equal'
    if (order !== expected) throw new Error(`the cursor of unit ${promises.acknowledged} is ${order}, not ${expected}`)
  }
  refuseLostOffsets(log, promises.lost)
  const again = await open(fs.processDeath())
  const same = await contents(again)
  if (again.end() !== log.end() || same.rows.join() !== found.rows.join()) throw new Error('a second opening differs')
  figures.lost += promises.attempted - unit
  figures.unfinished += unit > promises.acknowledged ? 1 : 0
  promises.acknowledged = unit
  promises.attempted = unit
  promises.cursor = log.end()
}

/** Offsets that a session wrote and lost are taken by other sessions; its cursors for them stay foreign. */
function refuseLostOffsets(log: SourceLog, lost: Cursor[]): void {
  const end = log.end()
  if (end === undefined) return
  for (const cursor of lost)
    if (log.compare(cursor, end) !== 'foreign') throw new Error(`${cursor} is not foreign to a log that ends at ${end}`)
  const [session, offset] = end.split(':') as [string, string]
  for (const beyond of [1, 2, 5]) lost.push(`${session}:${Number(offset) + beyond}` as Cursor)
}

function codeOf(error: unknown): string {
  const code = errorCode(error)
  if (code === undefined) throw error
  return code
}
