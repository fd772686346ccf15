import { describe, expect, it } from '@jest/globals'
import type { Fence, TransactionId } from '../../../runtime/contract.ts'
import { Random, seedFrom } from '../../crash/random.ts'
import { PaperDatabase } from '../../support/paper-database.ts'
import { PaperIngest, type PaperLine, paperRows } from '../../support/paper-ingest.ts'
import { loadFailure, type PaperHooks } from '../../support/paper-source.ts'

const HISTORIES = 4
/** So many at most until one goes wrong. */
const WEAKENED = 30
const LOADS = 4
const KEYS = 40

/** A step back of a key, as a sentence. */
function wentBack(lines: readonly PaperLine[]): string | undefined {
  const newest = new Map<string, number>()
  let truncated = 0
  for (const { kind, key, n } of lines) {
    if (kind === 't') truncated = n
    const last = Math.max(newest.get(key) ?? 0, truncated)
    if (n < last) return `key ${key} went back from ${last} to ${n} (${kind})`
    newest.set(key, n)
  }
  return undefined
}

/** Loads under writers whose commits become visible late, with failures and restarts at random moments. */
async function history(random: Random, sees: PaperHooks['sees']): Promise<string | undefined> {
  const database = new PaperDatabase()
  for (let i = 0; i < 15; i++) database.commit(random, KEYS, false)
  let interruption = Promise.withResolvers<void>()
  const act = (): void => {
    if (database.isTruncating || random.chance(0.3)) database.reveal(() => random.chance(0.5))
    else if (random.chance(0.03)) database.truncate(random.chance(0.5))
    else database.commit(random, KEYS, random.chance(0.5))
  }
  const hooks: PaperHooks = {
    base: database.wal.length,
    ...(sees && { sees }),
    looked: async () => {
      if (random.chance(0.5)) return
      act()
      await run.turns()
    },
    chunk: () => {
      for (let i = random.between(0, 4); i > 0; i--) act()
      run.written()
      if (random.chance(0.03)) interruption.resolve()
      if (random.chance(0.03)) throw loadFailure('LOAD_INTERRUPTED', 'retry')
    },
  }
  await using run = await PaperIngest.open(database, hooks)
  await run.start()
  const load = async (sweep: boolean): Promise<void> => {
    await run.backfill(sweep)
    for (;;) {
      interruption = Promise.withResolvers()
      const isDone = await Promise.race([run.loaded().then(() => true), interruption.promise.then(() => false)])
      if (isDone) break
      await run.stop(random.chance(0.5))
      if (random.chance(0.5)) await run.reopen()
      await run.start()
    }
    await run.settle()
  }
  for (let i = 0; i < LOADS; i++) await load(random.chance(0.5))
  database.reveal()
  await run.settle()
  for (const key of [...database.rows(() => true).keys()].slice(0, 3)) database.lose(key)
  await load(true)
  const back = wentBack(await run.lines())
  if (back !== undefined) return back
  const [rows, expected] = [await run.rows(), paperRows(database)]
  for (const key of new Set([...rows.keys(), ...expected.keys()]))
    if (rows.get(key) !== expected.get(key)) return `key ${key}: ${rows.get(key)} instead of ${expected.get(key)}`
  return undefined
}

async function histories(count: number, sees?: PaperHooks['sees']): Promise<string | undefined> {
  const seed = seedFrom([])
  for (let i = 0; i < count; i++) {
    const wrong = await history(new Random(seed + i), sees)
    if (wrong !== undefined) return `${wrong} with seed ${seed + i}`
  }
  return undefined
}

describe('loads beside the stream', () => {
  it('end with what the source has, and no key ever goes back', async () => {
    expect(await histories(HISTORIES)).toBeUndefined()
  })

  it.each<[string, (fence: Fence, transaction: TransactionId) => boolean]>([
    ['sees everything', () => true],
    ['forgets the transactions that were running', (fence, id) => Number(id) < JSON.parse(fence.data).next],
    [
      'takes those that came after it for running ones',
      (fence, id) => !JSON.parse(fence.data).running.includes(Number(id)),
    ],
  ])(
    'would go wrong under a fence that %s',
    async (_, sees) => {
      expect(await histories(WEAKENED, sees)).toEqual(expect.stringContaining('key'))
    },
    180_000,
  )
})
