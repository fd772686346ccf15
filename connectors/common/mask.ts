import { createHmac } from 'node:crypto'
import type { Column } from '../../runtime/contract.ts'

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
