import type { ChangeView, LoggedChange, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { bulk } from './commands.ts'
import { keylessPart, keyPart } from './key-names.ts'
import type { Transaction } from './transaction.ts'

export interface RowOptions {
  readonly value: 'json' | 'hash'
  readonly mode: 'set' | 'invalidate'
  /** Milliseconds. */
  readonly ttl: number | undefined
  readonly onDelete: 'delete' | 'mark' | 'ignore'
  readonly logId: string
}

/** Of the keys in a batch whose former value matters: what they hold, by `idOf`; undefined: nothing. */
export type FormerRows = Map<string, Buffer | undefined>

/** Fields of the sink's own. */
export const Own = {
  /** With `onDelete: mark`, in a row that was deleted at the source. */
  deleted: '_deleted',
  /** In hashes of a table without a key, so that a row of nothing but nulls is there too. */
  version: '_version',
} as const

const UNLINK = Buffer.concat([Buffer.from('*2\r\n'), bulk('UNLINK')])

/** Writes the changes of one version of a table; this one just deletes the keys that change. */
export class TableRows {
  readonly table: Table
  readonly name: string
  protected readonly prefix: Buffer
  protected readonly options: RowOptions

  constructor(table: Table, name: string, options: RowOptions) {
    this.table = table
    this.name = name
    this.prefix = Buffer.from(`${name}:`)
    this.options = options
  }

  apply(change: LoggedChange, index: number, transaction: Transaction, _former?: FormerRows): void {
    this.unlink(change, index, transaction)
  }

  /** The key in the database, where what it holds must be known before the change can be written. */
  needs(_change: ChangeView): boolean {
    return false
  }

  keyOf(change: LoggedChange): Buffer {
    return Buffer.concat([this.prefix, this.part(change)])
  }

  protected part(change: LoggedChange): Uint8Array {
    return this.table.key.length === 0 ? keylessPart(this.options.logId, change.version) : keyPart(change.key)
  }

  protected unlink(change: LoggedChange, index: number, { commands, causes }: Transaction): void {
    commands.raw(UNLINK)
    commands.joined(this.prefix, this.part(change))
    causes.push(index)
  }

  protected reserve(own: string): void {
    if (!this.table.columns.some(({ name }) => name === own)) return
    throw new TailraceError('SINK_SCHEMA', 'stop', `${this.table.name} has a column "${own}", which the sink needs.`, {
      hint:
        own === Own.deleted
          ? 'Set `onDelete` of the sink to delete or ignore, or exclude the column.'
          : 'Set `value` of the sink to json, or exclude the column.',
    })
  }
}

export function idOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1')
}
