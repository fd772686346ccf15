import type pg from 'pg'
import type { LoadRequest } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Captured } from './capture.ts'
import type { TableRows } from './catalog-rows.ts'
import { readKeyOrder } from './key-order.ts'
import { KeyWalk } from './key-walk.ts'
import { ListWalk } from './list-walk.ts'
import type { LoadState } from './load-state.ts'
import { PageWalk } from './page-walk.ts'
import { possibleKeys } from './possible-keys.ts'
import { quoteIdentifier } from './quote.ts'
import type { Walk } from './walk.ts'

export interface WalkChoice {
  readonly walk: Walk
  /** Keys, as text of one byte a character, to which the rows are narrowed down here. */
  readonly wanted?: ReadonlySet<string>
}

/**
 * How the rows of a request are read. Whole tables by pages, where the leaves can be read by them; else, and ranges, in
 * key order. Keys that are hashed here mean nothing to the database: for given ones all pages are read, and ranges of
 * them are refused. Throws LOAD_KEYS_MASKED, TABLE_WITHOUT_KEY.
 */
export async function chooseWalk(
  client: pg.Client,
  scope: LoadRequest['scope'],
  captured: Captured,
  { leaves }: TableRows,
  done: LoadState | undefined,
): Promise<WalkChoice> {
  const { table } = captured
  const isMasked = table.key.some(column => table.columns[column]!.masked)
  const hasPages = leaves.every(({ isHeap, readable }) => isHeap && readable)
  const columns = table.columns.map(({ name }) => quoteIdentifier(name))
  const list = columns.join(', ')
  const relation = captured.partitioned ? captured.relation : `ONLY ${captured.relation}`
  const byPages = scope.kind === 'all' ? hasPages : isMasked && hasPages && !isBounded(scope)
  if (byPages) {
    const walk = new PageWalk(leaves, list, done?.leaves ?? [])
    if (scope.kind !== 'keys') return { walk }
    return { walk, wanted: new Set(scope.keys.map(key => Buffer.from(key).toString('latin1'))) }
  }
  if (isMasked) throw keysMasked(captured)
  const order = await readKeyOrder(client, captured)
  if (scope.kind === 'keys') {
    const keys = await possibleKeys(client, order, scope.keys)
    return { walk: new ListWalk({ relation, columns, order, keys }) }
  }
  const { from, to } = scope.kind === 'range' ? scope : { from: startOf(done), to: undefined }
  return { walk: new KeyWalk({ relation, columns: list, order, from, to }) }
}

function isBounded(scope: LoadRequest['scope']): boolean {
  return scope.kind === 'range' && (scope.from !== undefined || scope.to !== undefined)
}

function startOf(done: LoadState | undefined): Uint8Array | undefined {
  return done?.key === undefined ? undefined : Buffer.from(done.key, 'base64')
}

function keysMasked({ table }: Captured): TailraceError {
  return new TailraceError('LOAD_KEYS_MASKED', 'stop', `Keys of ${table.name} are hashed: their order is not known.`, {
    hint: 'The role needs to read its partitions by their own names, and the request no bounds.',
  })
}
