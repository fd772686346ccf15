import type { LoggedChange, Table } from '../../runtime/contract.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { bulk } from './commands.ts'
import { Own, type RowOptions, TableRows } from './table-rows.ts'
import type { Transaction } from './transaction.ts'

const HSET = bulk('HSET')
const HDEL = bulk('HDEL')
const PEXPIRE = Buffer.concat([Buffer.from('*3\r\n'), bulk('PEXPIRE')])
const DELETED = bulk(Own.deleted)
const VERSION = bulk(Own.version)
const MARK = Buffer.concat([DELETED, bulk('1')])

/** A row as one hash: a field per column, its text as the database prints it; no field where it is null. */
export class HashRows extends TableRows {
  readonly #labels: readonly Buffer[]
  readonly #lifetime: Buffer | undefined
  readonly #marks: boolean
  readonly #isKeyless: boolean

  constructor(table: Table, name: string, options: RowOptions) {
    super(table, name, options)
    this.#labels = table.columns.map(column => bulk(column.name))
    this.#lifetime = options.ttl === undefined ? undefined : bulk(String(options.ttl))
    this.#marks = options.onDelete === 'mark'
    this.#isKeyless = table.key.length === 0
    if (this.#marks) this.reserve(Own.deleted)
    if (this.#isKeyless) this.reserve(Own.version)
  }

  override apply(change: LoggedChange, index: number, transaction: Transaction): void {
    if (change.kind !== 'd') this.#put(change, index, transaction)
    else if (this.#marks) this.#mark(change, index, transaction)
    // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
    else if (this.options.onDelete === 'delete' || change.moved !== undefined) this.unlink(change, index, transaction)
  }

  #put(change: LoggedChange, index: number, transaction: Transaction): void {
    const { commands, causes } = transaction
    const labels = this.#labels
    let values = this.#isKeyless ? 1 : 0
    let nulls = this.#marks ? 1 : 0
    for (let i = 0; i < labels.length; i++) {
      const tag = change.tag(i)
      if (tag === CellTag.null) nulls++
      else if (tag !== CellTag.absent) values++
    }
    const part = this.part(change)
    commands.begin(2 + 2 * values)
    commands.raw(HSET)
    commands.joined(this.prefix, part)
    for (let i = 0; i < labels.length; i++) {
      const tag = change.tag(i)
      if (tag !== CellTag.text && tag !== CellTag.bytes) continue
      commands.raw(labels[i]!)
      commands.bulk(tag === CellTag.text ? change.cell(i) : change.text(i)!)
    }
    if (this.#isKeyless) {
      commands.raw(VERSION)
      commands.bulk(String(change.version))
    }
    causes.push(index)
    if (nulls > 0) this.#clear(change, index, transaction, part, nulls)
    if (this.#lifetime !== undefined) this.#expire(index, transaction, part)
  }

  #clear(
    change: LoggedChange,
    index: number,
    { commands, causes }: Transaction,
    part: Uint8Array,
    nulls: number,
  ): void {
    commands.begin(2 + nulls)
    commands.raw(HDEL)
    commands.joined(this.prefix, part)
    if (this.#marks) commands.raw(DELETED)
    for (let i = 0; i < this.#labels.length; i++) if (change.tag(i) === CellTag.null) commands.raw(this.#labels[i]!)
    causes.push(index)
  }

  #mark(change: LoggedChange, index: number, transaction: Transaction): void {
    const { commands, causes } = transaction
    commands.begin(4)
    commands.raw(HSET)
    commands.joined(this.prefix, this.part(change))
    commands.raw(MARK)
    causes.push(index)
    if (this.#lifetime !== undefined) this.#expire(index, transaction, this.part(change))
  }

  #expire(index: number, { commands, causes }: Transaction, part: Uint8Array): void {
    commands.raw(PEXPIRE)
    commands.joined(this.prefix, part)
    commands.raw(this.#lifetime!)
    causes.push(index)
  }
}
