import type { ChangeView, LoggedChange, Table } from '../../runtime/contract.ts'
import { jsonRoom } from '../../runtime/record/json.ts'
import { hasMember, mergeRows } from '../../runtime/record/json-merge.ts'
import { bulk } from './commands.ts'
import { type FormerRows, idOf, Own, type RowOptions, TableRows } from './table-rows.ts'
import type { Transaction } from './transaction.ts'

const MARK = Buffer.from(`{"${Own.deleted}":true}`)
const NO_ROW = 'the key holds something that is no row of the sink'
const TOO_LARGE = 'as JSON the row is larger than 512 MB, the limit of a value'

/** A row as one JSON string. What lacks columns is completed from what the key holds. */
export class JsonRows extends TableRows {
  readonly #head: Buffer
  readonly #tail: Buffer

  constructor(table: Table, name: string, options: RowOptions) {
    super(table, name, options)
    if (options.onDelete === 'mark') this.reserve(Own.deleted)
    const { ttl } = options
    this.#head = Buffer.concat([Buffer.from(ttl === undefined ? '*3\r\n' : '*5\r\n'), bulk('SET')])
    this.#tail = ttl === undefined ? Buffer.alloc(0) : Buffer.concat([bulk('PX'), bulk(String(ttl))])
  }

  override needs({ kind, complete }: ChangeView): boolean {
    return kind === 'd' ? this.options.onDelete === 'mark' : !complete
  }

  override apply(change: LoggedChange, index: number, transaction: Transaction, former?: FormerRows): void {
    const id = former === undefined ? undefined : idOf(this.keyOf(change))
    const isKnown = id !== undefined && former!.has(id)
    if (change.kind === 'd') this.#remove(change, index, transaction, isKnown ? [former!, id] : undefined)
    else if (isKnown) this.#merge(change, index, transaction, former!, id)
    else this.#set(change, index, transaction)
  }

  #set(change: LoggedChange, index: number, transaction: Transaction): void {
    const { commands } = transaction
    const before = commands.length
    commands.raw(this.#head)
    commands.joined(this.prefix, this.part(change))
    if (!commands.row(change)) {
      commands.cut(before)
      transaction.refused.push({ index, reason: TOO_LARGE })
      return
    }
    commands.raw(this.#tail)
    transaction.causes.push(index)
  }

  #merge(change: LoggedChange, index: number, transaction: Transaction, former: FormerRows, id: string): void {
    const before = former.get(id)
    let row: Buffer | undefined = jsonOf(change)
    if (!change.complete && before !== undefined) {
      const isDeleted = this.options.onDelete === 'mark' && hasMember(before, Own.deleted) === true
      if (!isDeleted) row = mergeRows(before, row)
    }
    this.#put(change, index, transaction, row, former, id)
  }

  #remove(change: LoggedChange, index: number, transaction: Transaction, known?: [FormerRows, string]): void {
    const { onDelete } = this.options
    // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
    if (onDelete === 'ignore' && change.moved === undefined) return
    if (onDelete !== 'mark') {
      this.unlink(change, index, transaction)
      known?.[0].set(known[1], undefined)
      return
    }
    const [former, id] = known!
    const before = former.get(id)
    if (before !== undefined) this.#put(change, index, transaction, mergeRows(before, MARK), former, id)
  }

  #put(
    change: LoggedChange,
    index: number,
    transaction: Transaction,
    row: Buffer | undefined,
    former: FormerRows,
    id: string,
  ): void {
    if (row === undefined) {
      transaction.refused.push({ index, reason: NO_ROW })
      return
    }
    const { commands } = transaction
    commands.raw(this.#head)
    commands.joined(this.prefix, this.part(change))
    commands.bulk(row)
    commands.raw(this.#tail)
    transaction.causes.push(index)
    former.set(id, row)
  }
}

function jsonOf(change: ChangeView): Buffer {
  for (let size = jsonRoom(change); ; size *= 2) {
    const bytes = Buffer.allocUnsafe(size)
    const end = change.toJson(bytes, 0)
    if (end !== -1) return bytes.subarray(0, end)
  }
}
