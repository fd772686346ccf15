import type { LogBatch, LoggedChange, Table } from '../../runtime/contract.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { type Group, Groups } from '../common/groups.ts'
import { NOTHING, roundsOf } from '../common/rounds.ts'

/** A row as it stands in the batch, whose bytes stay. */
export interface PlacedRow {
  /** The cells one behind the other; of a removal those of the key. */
  readonly cells: Uint8Array
  /** Place in the batch's iteration. */
  readonly index: number
  readonly version: bigint
}

export type RowGroup = Group<PlacedRow[]>

export interface Grouped {
  /** In the order to be applied. */
  readonly groups: readonly RowGroup[]
  /** Versions that were announced, in the log's order. */
  readonly tables: readonly Table[]
  /** Tables to empty first: a truncate comes alone. */
  readonly truncated: readonly Table[]
}

/** The rows of a batch by what is to be done with them; of several changes of a key what makes no difference is left out. */
export function groupsOf(
  batch: LogBatch,
  skip: ReadonlySet<number> | undefined,
  onDelete: 'delete' | 'mark' | 'ignore',
): Grouped {
  const rounds = roundsOf(batch, skip, onDelete)
  const groups = new Groups<PlacedRow[]>(() => [])
  const tables: Table[] = []
  const truncated: Table[] = []
  let next = 0
  for (const change of batch) {
    const index = next++
    const { kind, table } = change
    if (kind === 'm' || skip?.has(index) === true) continue
    if (kind === 's') tables.push(table)
    else if (kind === 't') truncated.push(table)
    else if (rounds[index] !== NOTHING) {
      const of = kindOf(change, onDelete)
      const columns = of === 'patch' ? table.columns.flatMap((_, i) => (isAbsent(change, i) ? [] : i)) : undefined
      const cells = of === 'remove' || of === 'mark' ? change.key : change.cells
      groups.of(rounds[index]!, table, of, columns).rows.push({ cells, index, version: change.version })
    }
  }
  return { groups: groups.inOrder().sort(byRound), tables, truncated }
}

/**
 * Within a round no key comes twice, but two may be one to the database (0 and -0): the source had then removed the one
 * before it made the other.
 */
function byRound(a: RowGroup, b: RowGroup): number {
  return a.round - b.round || Number(b.kind === 'remove') - Number(a.kind === 'remove')
}

function kindOf({ kind, complete, table, moved }: LoggedChange, onDelete: string): RowGroup['kind'] {
  if (table.key.length === 0) return 'append'
  // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
  if (kind === 'd') return onDelete === 'mark' && moved === undefined ? 'mark' : 'remove'
  return complete ? 'put' : 'patch'
}

function isAbsent(change: LoggedChange, column: number): boolean {
  return change.tag(column) === CellTag.absent
}
