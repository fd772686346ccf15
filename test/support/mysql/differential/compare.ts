import type { RowData } from '@vlasky/zongji'
import { zongjiText } from '../../peers/zongji-values.ts'
import { faultOf } from './faults.ts'
import type { Operation } from './operations.ts'
import type { PeerOperation } from './peer.ts'

/** Transactions that the package hands over without their rows. */
export const COMPRESSED = 'a compressed transaction is passed over'
export const PARTIAL = 'a partial update is passed over'
/** Or dropped, where that leads beyond the event. */
export const MISREAD = 'a row without some columns is misread'
/** And may be rolled back then. */
export const UNDECIDED = 'rows of an XA transaction come before it is decided'

/** Characters of a value, and differences, that a failure shows. */
const MOST_SHOWN = 100
const MOST_LISTED = 30

/** Counts what was compared; differences by the fault's name. */
export class Comparison {
  rows = 0
  readonly faults = new Map<string, number>()
  readonly #unexplained: string[] = []

  /** Of one transaction, in its order. */
  compare(gtid: string, ours: readonly Operation[], theirs: readonly PeerOperation[]): void {
    if (theirs.some(({ kind }) => kind === 'payload')) {
      this.#count(COMPRESSED)
      return
    }
    const context = (): string => `${gtid}: ${told(ours)} against ${told(theirs)}`
    const hidden = theirs.filter(({ kind }) => kind === 'partial').length
    let at = 0
    for (const [i, peer] of theirs.entries()) {
      if (peer.kind === 'partial') {
        this.#count(PARTIAL)
        // How many rows one has it does not say: behind the first of several nothing is known.
        if (hidden > 1) return
        at = ours.length - (theirs.length - i - 1)
        continue
      }
      const operation = ours[at++]
      if (peer.kind === 'misread' && operation !== undefined && lacksColumns(operation)) {
        this.#count(MISREAD)
        return
      }
      if (!('table' in peer) || peer.kind !== operation?.kind || peer.table !== operation.table.table)
        throw new Error(`another kind of row at ${i} in ${context()}; columns ${described(operation)}`)
      this.rows++
      for (const image of ['before', 'after'] as const) this.#compareImage(operation, peer, image, gtid)
    }
    if (at === ours.length) return
    if (!ours.slice(at).every(lacksColumns)) throw new Error(`another number of rows in ${context()}`)
    this.#count(MISREAD)
  }

  #compareImage(
    operation: Operation,
    peer: Extract<PeerOperation, { table: string }>,
    image: 'before' | 'after',
    gtid: string,
  ): void {
    const [ours, row] = [operation[image], peer[image]]
    const { columns } = operation.table
    if (row === undefined) return
    const names = Object.keys(row).join()
    if (names !== columns.map(({ name }) => name).join())
      throw new Error(`${gtid}: columns of ${peer.table} are called ${names}`)
    // Of a former row ours keeps what was sent of it, if that was all.
    if (ours === undefined) return
    for (const [i, column] of columns.entries()) {
      const mine = ours[i]
      if (mine === undefined && image === 'before') continue
      const value = (row as RowData)[column.name]
      const text = zongjiText(value, column)
      if (mine === text) continue
      const difference = { column, ours: mine, value, theirs: text, isSent: peer.sent(image, i) }
      const fault = faultOf(difference)
      if (fault !== undefined) this.#count(fault)
      else {
        const [a, b] = [JSON.stringify(mine) ?? 'absent', JSON.stringify(text) ?? 'undefined']
        const place = `${gtid} ${peer.table}.${column.name} ${column.declared} ${operation.kind} ${image}`
        this.#unexplained.push(`${place}: ours ${a.slice(0, MOST_SHOWN)}, theirs ${b.slice(0, MOST_SHOWN)}`)
      }
    }
  }

  /** Throws if there was a difference that no fault explains. */
  requireExplained(): void {
    if (this.#unexplained.length === 0) return
    const shown = this.#unexplained.slice(0, MOST_LISTED).join('\n')
    throw new Error(`${this.#unexplained.length} differences that no known fault explains:\n${shown}`)
  }

  #count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1)
  }
}

/** A row of which not every column was sent: read as longer than it is, it takes the rows behind it along. */
function lacksColumns({ kind, before }: Operation): boolean {
  return kind !== 'insert' && before?.includes(undefined) !== false
}

function described(operation: Operation | undefined): string {
  if (operation === undefined) return ''
  const columns = operation.table.columns.map(({ name, declared }) => `${name} ${declared}`).join()
  return `${columns}: ${JSON.stringify(operation.before)} ${JSON.stringify(operation.after)}`
}

function told(operations: readonly (Operation | PeerOperation)[]): string {
  return operations
    .map(operation => {
      if (!('table' in operation)) return operation.kind
      const { table } = operation
      return `${operation.kind} ${typeof table === 'string' ? table : table.table}`
    })
    .slice(0, 40)
    .join(', ')
}
