/** The seven checks of the oracle over what was written, what the log holds and what the sinks showed. */
import { type History, type KeyState, parseKeyName, type RowChange } from './history.ts'
import type { Sampled, Sighting } from './sampler.ts'
import { TABLES } from './tables.ts'
import type { LoggedTransaction, Trail } from './trail.ts'

/** Faults in words, by check; all empty if the promise was kept. (g) counts: repeating is allowed, differing is not. */
export interface Verdict {
  /** a: rows that differ between the source and a sink at rest. */
  readonly different: readonly string[]
  /** b: versions that fell, in the log or in a sink as it was sampled. */
  readonly fallen: readonly string[]
  /** c: versions that were never committed. */
  readonly aborted: readonly string[]
  /** d: committed versions that neither the load nor the stream brought. */
  readonly missing: readonly string[]
  /** e: transactions torn at a durable mark of the log, rows torn in a sink. */
  readonly torn: readonly string[]
  /** f: times at which the slot had confirmed more than the log held. */
  readonly ahead: readonly string[]
  /** g: changes that came twice and were not alike. */
  readonly unlike: readonly string[]
  readonly duplicates: number
}

export interface Evidence {
  readonly history: History
  readonly trail: Trail
  readonly sampled: Sampled
  readonly different: readonly string[]
  readonly ahead: readonly string[]
}

export function judge({ history, trail, sampled, different, ahead }: Evidence): Verdict {
  const verdict = { aborted: [] as string[], missing: [] as string[], torn: [...trail.torn, ...sampled.torn] }
  const fallen = [...trail.falls]
  for (const transaction of trail.transactions.values()) checkStreamed(transaction, history, verdict)
  const streamed = new Set(trail.transactions.keys())
  checkLoaded(history, trail, streamed, verdict)
  checkSightings(sampled.sightings, history, fallen, verdict.aborted)
  const { duplicates, unlike } = trail
  return { different, fallen, ...verdict, ahead, unlike, duplicates }
}

type Faults = { aborted: string[]; missing: string[]; torn: string[] }

/** The log holds the transaction as it was committed: each key's changes, all of them, in their order. */
function checkStreamed(logged: LoggedTransaction, history: History, faults: Faults): void {
  const committed = history.byXid.get(logged.xid)
  if (committed === undefined) {
    faults.aborted.push(`transaction ${logged.xid} is in the log and was never committed`)
    return
  }
  const wanted = byKey(committed.changes)
  const got = byKey(logged.changes)
  for (const [name, versions] of wanted) {
    const there = got.get(name) ?? ''
    got.delete(name)
    if (there === versions) continue
    if (logged.changes.length < committed.changes.length)
      faults.torn.push(`transaction ${logged.xid}: ${name} is ${there || 'missing'} instead of ${versions}`)
    else faults.missing.push(`transaction ${logged.xid}: ${name} is ${there || 'missing'} instead of ${versions}`)
  }
  for (const [name, versions] of got) faults.aborted.push(`transaction ${logged.xid}: ${name} ${versions} is foreign`)
}

function byKey(changes: readonly RowChange[]): Map<string, string> {
  const keys = new Map<string, string>()
  for (const { table, key, ver } of changes) {
    const name = `${table}/${key}`
    keys.set(name, `${keys.get(name) ?? ''} ${ver ?? 'deleted'}`)
  }
  return keys
}

/**
 * What the stream did not bring, the load did: per key the states up to some point come by the load, which shows the
 * last of them, and all later ones by the stream. A transaction belongs to one side with all its keys. A load beside the
 * stream leaves out rows of which the stream has brought a newer state.
 */
function checkLoaded(history: History, trail: Trail, streamed: ReadonlySet<string>, faults: Faults): void {
  const unmentioned = new Map(TABLES.map(table => [table, new Set(trail.loaded.get(table)?.rows.keys())]))
  for (const name of history.keys()) {
    const { table, key } = parseKeyName(name)
    const states = history.states(table, key)
    const first = states.findIndex(({ transaction }) => streamed.has(transaction.xid))
    const before = first === -1 ? states : states.slice(0, first)
    for (const { ver, transaction } of states.slice(before.length))
      if (!streamed.has(transaction.xid)) faults.missing.push(`${name} version ${ver} (${transaction.xid})`)
    const seen = trail.loaded.get(table)?.rows.get(key) ?? null
    const wanted = before.length === 0 ? history.initial(table, key) : before.at(-1)!.ver
    unmentioned.get(table)!.delete(key)
    if (seen === wanted || (seen === null && first !== -1 && trail.isLoadBeside)) continue
    if (seen !== null && !isKnown(seen, history.initial(table, key), states))
      faults.aborted.push(`the load holds ${name} version ${seen}, never committed`)
    else faults.missing.push(`the load holds ${name} at ${seen} instead of ${wanted}`)
  }
  for (let key = 0; key < history.filled; key++) {
    if (history.states('by_number', key).length > 0) continue
    const seen = trail.loaded.get('by_number')?.rows.get(key)
    unmentioned.get('by_number')!.delete(key)
    if (seen !== 0) faults.missing.push(`the load holds by_number/${key} at ${seen} instead of 0`)
  }
  for (const [table, keys] of unmentioned)
    for (const key of keys) faults.aborted.push(`the load holds ${table}/${key}, which nobody wrote`)
}

function isKnown(ver: number, initial: number | null, states: readonly KeyState[]): boolean {
  return ver === initial || states.some(state => state.ver === ver)
}

/** What was seen of a key, in its order, must be some of its states in theirs. */
function checkSightings(sightings: readonly Sighting[], history: History, fallen: string[], aborted: string[]): void {
  const reached = new Map<string, number>()
  for (const { sink, table, key, ver, loading } of sightings) {
    const name = `${sink}/${table}/${key}`
    const states = history.states(table, key)
    const at = reached.get(name) ?? -1
    const stateAt = (i: number): number | null => (i === -1 ? history.initial(table, key) : states[i]!.ver)
    if (ver === null && (loading || stateAt(at) === null)) continue
    let next = at
    while (next < states.length && stateAt(next) !== ver) next++
    if (next < states.length) reached.set(name, next)
    else if (ver !== null && !isKnown(ver, history.initial(table, key), states))
      aborted.push(`${name} showed version ${ver}, never committed`)
    else fallen.push(`${name} showed ${ver ?? 'no row'} after ${stateAt(at) ?? 'no row'}`)
  }
}

const PROMISES: readonly (readonly [keyof Omit<Verdict, 'duplicates'>, string])[] = [
  ['different', 'a: rows that differ at rest'],
  ['fallen', 'b: versions that fell'],
  ['aborted', 'c: versions never committed'],
  ['missing', 'd: committed versions missing'],
  ['torn', 'e: transactions or rows torn'],
  ['ahead', 'f: slot ahead of the log'],
  ['unlike', 'g: repeats that differ'],
]

/** The seven numbers, and how often a change came twice. */
export function figures(verdict: Verdict): Record<string, number> {
  const numbers = Object.fromEntries(PROMISES.map(([check, name]) => [name, verdict[check].length]))
  return { ...numbers, 'g: repeats': verdict.duplicates }
}

/** Throws with the first faults of each check, unless there are none. */
export function demandKept(verdict: Verdict): void {
  const broken = PROMISES.filter(([check]) => verdict[check].length > 0)
  if (broken.length === 0) return
  const lines = broken.map(([check, name]) => `${name}: ${verdict[check].length}\n  ${some(verdict[check])}`)
  throw new Error(`the promise was broken\n${lines.join('\n')}`)
}

function some(faults: readonly string[]): string {
  return faults.slice(0, 10).join('\n  ')
}
