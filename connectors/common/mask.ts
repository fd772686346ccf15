import { createHmac } from 'node:crypto'
import type { Column, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'

/** What becomes of a column's values before anything is stored. */
export type ColumnRule = 'keep' | 'exclude' | 'hash' | 'redact' | 'null'

/** What stands in place of a redacted value. */
export const REDACTED = Buffer.from('***')

/** Bytes of a hash in hexadecimal. */
export const HASH_LENGTH = 64

/** Equal values have equal hashes under one key, so hashed columns still join and count. */
export function maskHash(key: string, value: Uint8Array): Buffer {
  return Buffer.from(createHmac('sha256', key).update(value).digest('hex'), 'latin1')
}

/** The column as the log holds it. */
export function maskedColumn(column: Column, rule: ColumnRule): Column {
  switch (rule) {
    case 'hash':
    case 'redact':
      return { name: column.name, type: { kind: 'text' }, declared: 'text', nullable: column.nullable, masked: true }
    case 'null':
      return { ...column, nullable: true, masked: true }
    default:
      return column
  }
}

/** Going on would let values pass. */
export function maskLost(table: Table, from: string, to: string): TailraceError {
  return new TailraceError(
    'MASK_LOST',
    'stop',
    `Column ${from} of ${table.name}, which is masked or excluded, was renamed to ${to}, which is not.`,
    { hint: `Add ${to} to \`columns\` of the source, and start again.` },
  )
}

/** `rule` of a key column, by which no two rows could be told apart; undefined: it is left out. */
export function hiddenKey(column: string, table: string, rule: ColumnRule | undefined): TailraceError {
  return new TailraceError(
    'CONFIG_COLUMN',
    'stop',
    `Key column ${column} of ${table} cannot be ${rule === undefined ? 'excluded' : `masked by ${rule}`}.`,
    { hint: 'Without it rows cannot be told apart. A key column may be masked by hash.' },
  )
}
