import type { RowChange } from './history.ts'
import type { Random } from './random.ts'
import { TABLES, type TableName, type TableSql, type Versioned } from './tables.ts'

/** Keys that transactions of the writer choose from: a few of them hot, none used by two transactions at once. */
export class Keys {
  readonly count: number
  readonly hot: number
  readonly #live = new Map<string, boolean>()
  readonly #busy = new Set<string>()
  readonly #filled: number

  constructor(count: number, hot: number, filled: number) {
    this.count = count
    this.hot = hot
    this.#filled = filled
  }

  isLive(table: TableName, key: number): boolean {
    return this.#live.get(`${table}/${key}`) ?? (table === 'by_number' && key < this.#filled)
  }

  set(change: RowChange): void {
    this.#live.set(`${change.table}/${change.key}`, change.ver !== null)
  }

  /** Half of the choices fall on the hot keys. */
  pick(table: TableName, random: Random): number | undefined {
    for (let attempt = 0; attempt < 20; attempt++) {
      const key = random.chance(0.5) ? random.between(0, this.hot) : random.between(0, this.count)
      if (!this.#busy.has(`${table}/${key}`)) return key
    }
    return undefined
  }

  take(table: TableName, key: number): void {
    this.#busy.add(`${table}/${key}`)
  }

  release(taken: Iterable<string>): void {
    for (const name of taken) this.#busy.delete(name)
  }
}

export interface Statement {
  readonly sql: string
  /** Rows that the server must report; undefined where it reports none. */
  readonly rows: number | undefined
}

export interface Plan {
  readonly statements: readonly Statement[]
  /** What is committed, if it is. */
  readonly changes: readonly RowChange[]
  readonly ending: 'commit' | 'rollback' | 'error'
  /** Names of the keys it holds until its end. */
  readonly taken: ReadonlySet<string>
}

/** One step of a plan before its size is known. */
interface Step {
  readonly sql: (size: number) => string
  readonly rows: number
  readonly changes: readonly RowChange[]
}

const LARGEST = 12

/** A transaction: 20 % of its rows deleted, 10 % moved, the rest inserted or updated; 10 % end by an abort. */
export function planTransaction(keys: Keys, random: Random, nextVersion: () => number, sql: TableSql): Plan {
  const taken = new Set<string>()
  const live = new Map<string, boolean>()
  const steps: (Step | 'savepoint' | 'release' | 'undo')[] = []
  const wanted = random.between(1, LARGEST)
  let planned = 0
  while (planned < wanted) {
    const sub = random.chance(0.1)
    const before = new Map(live)
    const step = planStep({ keys, random, nextVersion, sql, taken, live })
    if (step === undefined) break
    planned += step.changes.length
    const undone = sub && random.chance(0.5)
    if (sub) steps.push('savepoint')
    steps.push(step)
    if (sub) steps.push(undone ? 'undo' : 'release')
    if (undone) {
      live.clear()
      for (const [name, is] of before) live.set(name, is)
    }
  }
  const kept = steps.filter((step, i): step is Step => typeof step !== 'string' && steps[i + 1] !== 'undo')
  const changes = kept.flatMap(step => step.changes)
  const abort = random.chance(0.1)
  return {
    statements: steps.map(step => statement(step, changes.length, sql)),
    changes,
    ending: abort ? (random.chance(0.5) ? 'rollback' : 'error') : 'commit',
    taken,
  }
}

function statement(step: Step | keyof TableSql['subtransaction'], size: number, sql: TableSql): Statement {
  if (typeof step === 'string') return { sql: sql.subtransaction[step], rows: undefined }
  return { sql: step.sql(size), rows: step.rows }
}

interface Planning {
  readonly keys: Keys
  readonly random: Random
  readonly nextVersion: () => number
  readonly sql: TableSql
  readonly taken: Set<string>
  /** What the transaction itself made of keys so far. */
  readonly live: Map<string, boolean>
}

function planStep(planning: Planning): Step | undefined {
  const { keys, random } = planning
  const table = TABLES[random.between(0, TABLES.length)]!
  const first = choose(planning, table)
  if (first === undefined) return undefined
  const chosen = [first]
  const alive = isLive(planning, table, first)
  const dice = random.next()
  if (alive && dice < 0.1) {
    const target = keys.pick(table, random)
    if (target !== undefined && target !== first && !isLive(planning, table, target))
      return move(planning, table, first, target)
  }
  for (let more = random.between(0, 3); more > 0; more--) {
    const key = choose(planning, table)
    if (key !== undefined && !chosen.includes(key) && isLive(planning, table, key) === alive) chosen.push(key)
  }
  if (alive && dice < 0.3) {
    const changes = chosen.map(key => note(planning, { table, key, ver: null }))
    return { sql: () => planning.sql.deleteRows(table, chosen), rows: chosen.length, changes }
  }
  const rows: Versioned[] = chosen.map(key => ({ key, ver: planning.nextVersion() }))
  const changes = rows.map(row => note(planning, { table, ...row }))
  const { updateRows, insertRows } = planning.sql
  const write = alive ? updateRows : insertRows
  return { sql: size => write(table, rows, size), rows: rows.length, changes }
}

function move(planning: Planning, table: TableName, from: number, key: number): Step {
  const to = { key, ver: planning.nextVersion() }
  const changes = [note(planning, { table, key: from, ver: null }), note(planning, { table, ...to })]
  return { sql: size => planning.sql.moveRow(table, from, to, size), rows: 1, changes }
}

/** One of its own keys again, or one that is free. */
function choose({ keys, random, taken }: Planning, table: TableName): number | undefined {
  if (taken.size > 0 && random.chance(0.15)) {
    const own = [...taken][random.between(0, taken.size)]!.split('/')
    if (own[0] === table) return Number(own[1])
  }
  return keys.pick(table, random)
}

function isLive({ keys, live }: Planning, table: TableName, key: number): boolean {
  return live.get(`${table}/${key}`) ?? keys.isLive(table, key)
}

function note(planning: Planning, change: RowChange): RowChange {
  const name = `${change.table}/${change.key}`
  if (!planning.taken.has(name)) {
    planning.taken.add(name)
    planning.keys.take(change.table, change.key)
  }
  planning.live.set(name, change.ver !== null)
  return change
}
