import type { LoadRequest } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { nameOf } from '../common/selection.ts'
import type { Captured } from './catalog.ts'
import { anyOfKeys, compareKey, type KeyOrder, keyOrder, orderByKey } from './key-order.ts'
import { selectList } from './load-lane.ts'
import { type Segment, WHOLE } from './load-state.ts'

/** A way through a table: query after query, of which a chunk takes as many as fill it. */
export interface Walk {
  /** The query that goes on where the last one ended, with so many rows at most; undefined: everything was passed. */
  query(rows: number): string | undefined
  /** It was read up to the row of this key; undefined: to its end. */
  passed(lastKey: Uint8Array | undefined): void
  /** What was passed since the last chunk is in the log's way now. */
  keep(): void
  /** Back to the end of the last chunk: what was read since is read again. */
  drop(): void
  /** What is still to be read, for a later attempt; undefined where nobody else may know. */
  left(): readonly Segment[] | undefined
}

export interface WalkChoice {
  readonly walk: Walk
  /** Keys, as text of one byte a character, to which the rows are narrowed down here. */
  readonly wanted?: ReadonlySet<string>
}

/**
 * How the rows of a request are read: in key order. Keys that are hashed here mean nothing to the database: for given
 * ones the whole table is read, and ranges of them are refused. Throws LOAD_KEYS_MASKED.
 */
export function chooseWalk(
  captured: Captured,
  scope: LoadRequest['scope'],
  left: readonly Segment[] | undefined,
): WalkChoice {
  const { table, definition, relation } = captured
  const isMasked = table.key.some(column => table.columns[column]!.masked)
  const kept = definition.columns.filter(({ rule }) => rule !== 'exclude').map(({ column }) => column)
  const order = keyOrder({ key: table.key, columns: kept })
  const select = `SELECT ${selectList(captured)} FROM ${relation}`
  if (scope.kind === 'keys') {
    const wanted = new Set(scope.keys.map(key => Buffer.from(key).toString('latin1')))
    if (isMasked) return { walk: new SegmentWalk(select, order, [WHOLE], true), wanted }
    return { walk: new ListWalk(select, order, scope.keys), wanted }
  }
  if (scope.kind === 'all') return { walk: new SegmentWalk(select, order, left ?? [WHOLE], isMasked) }
  if (isMasked && (scope.from !== undefined || scope.to !== undefined)) throw keysMasked(captured)
  const from = scope.from === undefined ? undefined : compareKey(order, '>=', scope.from)
  const to = scope.to === undefined ? undefined : compareKey(order, '<', scope.to)
  const within = [from, to].filter(condition => condition !== undefined)
  return { walk: new SegmentWalk(select, order, [WHOLE], isMasked, within) }
}

/** A condition for the rows of a segment whose first key column is `column`. */
export function withinSegment(column: string, { from, to }: Segment): string[] {
  return [...(from === null ? [] : [`${column} >= ${from}`]), ...(to === null ? [] : [`${column} < ${to}`])]
}

/** Segments one after the other, each in key order. */
class SegmentWalk implements Walk {
  readonly #select: string
  readonly #order: KeyOrder
  readonly #isMasked: boolean
  readonly #within: readonly string[]
  #kept: readonly Segment[]
  #now: readonly Segment[]

  constructor(
    select: string,
    order: KeyOrder,
    segments: readonly Segment[],
    isMasked: boolean,
    within: readonly string[] = [],
  ) {
    this.#select = select
    this.#order = order
    this.#isMasked = isMasked
    this.#within = within
    this.#kept = segments
    this.#now = segments
  }

  query(rows: number): string | undefined {
    const [segment] = this.#now
    if (segment === undefined) return undefined
    const behind = segment.at === undefined ? [] : [compareKey(this.#order, '>', Buffer.from(segment.at, 'base64'))]
    const conditions = [...this.#within, ...withinSegment(this.#order[0]!.name, segment), ...behind]
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.map(one => `(${one})`).join(' AND ')}`
    return `${this.#select}${where} ORDER BY ${orderByKey(this.#order)} LIMIT ${rows}`
  }

  passed(lastKey: Uint8Array | undefined): void {
    const [segment, ...others] = this.#now
    if (lastKey === undefined) this.#now = others
    else this.#now = [{ ...segment!, at: Buffer.from(lastKey).toString('base64') }, ...others]
  }

  keep(): void {
    this.#kept = this.#now
  }

  drop(): void {
    this.#now = this.#kept
  }

  left(): readonly Segment[] | undefined {
    return this.#isMasked && this.#now.some(({ at }) => at !== undefined) ? undefined : this.#now
  }
}

/** Keys of one statement, and their bytes: its text stays small beside the rows, and what any server takes. */
const MOST_KEYS = 1000
const MOST_KEY_BYTES = 128 * 1024

/** The rows of given keys. */
class ListWalk implements Walk {
  readonly #select: string
  readonly #order: KeyOrder
  readonly #keys: readonly Uint8Array[]
  /** Of the keys at hand in the order of the table: everything up to this one is read. */
  #at: Uint8Array | undefined
  #now = 0
  #kept: { readonly now: number; readonly at: Uint8Array | undefined } = { now: 0, at: undefined }

  constructor(select: string, order: KeyOrder, keys: readonly Uint8Array[]) {
    this.#select = select
    this.#order = order
    this.#keys = keys
  }

  query(rows: number): string | undefined {
    if (this.#now >= this.#keys.length) return undefined
    const keys = this.#keys.slice(this.#now, this.#next())
    const behind = this.#at === undefined ? '' : ` AND (${compareKey(this.#order, '>', this.#at)})`
    const where = `WHERE ${anyOfKeys(this.#order, keys)}${behind}`
    return `${this.#select} ${where} ORDER BY ${orderByKey(this.#order)} LIMIT ${rows}`
  }

  passed(lastKey: Uint8Array | undefined): void {
    this.#at = lastKey
    if (lastKey === undefined) this.#now = this.#next()
  }

  keep(): void {
    this.#kept = { now: this.#now, at: this.#at }
  }

  drop(): void {
    this.#now = this.#kept.now
    this.#at = this.#kept.at
  }

  /** Behind the keys of the statement. */
  #next(): number {
    let next = this.#now + 1
    let bytes = this.#keys[this.#now]!.length
    while (next < this.#keys.length && next < this.#now + MOST_KEYS) {
      bytes += this.#keys[next]!.length
      if (bytes > MOST_KEY_BYTES) break
      next++
    }
    return next
  }

  left(): undefined {
    return undefined
  }
}

function keysMasked({ table }: Captured): TailraceError {
  return new TailraceError(
    'LOAD_KEYS_MASKED',
    'stop',
    `Keys of ${nameOf(table)} are hashed: their order is not known.`,
    {
      hint: 'Load the whole table.',
    },
  )
}
