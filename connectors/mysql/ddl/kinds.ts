import type { TableName } from './names.ts'

/** What the statement of a QUERY event does, as far as a reader of the binary log needs it. */
export type Statement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' }
  | Savepoint
  | Xa
  | CreateTable
  | AlterTable
  | DropTables
  | RenameTables
  | { readonly kind: 'truncate'; readonly table: TableName }
  | { readonly kind: 'drop-database'; readonly database: string }
  | Sequence
  | { readonly kind: 'maintain-tables'; readonly tables: readonly TableName[] }
  | Dml
  | { readonly kind: 'other' | 'unknown' }

/** `rollback`: to the savepoint; what stands between the two in the transaction did not happen. */
export interface Savepoint {
  readonly kind: 'savepoint'
  readonly action: 'set' | 'rollback' | 'release'
  readonly name: string
}

/** `xid` as in xid.ts. */
export interface Xa {
  readonly kind: 'xa'
  readonly action: 'start' | 'end' | 'prepare' | 'commit' | 'rollback'
  readonly xid: string
  /** XA COMMIT of what was not prepared before. */
  readonly onePhase: boolean
}

export interface CreateTable {
  readonly kind: 'create-table'
  readonly table: TableName
  readonly temporary: boolean
  /** MariaDB: a table of that name was dropped before. */
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly like: TableName | undefined
  /** The text itself fills the table: rows without events. The server logs it so in STATEMENT format only. */
  readonly select: boolean
  /** MySQL's CREATE TABLE ... SELECT: rows follow, and a commit ends the transaction that this begins. */
  readonly startsTransaction: boolean
}

/** ALTER TABLE, CREATE INDEX and DROP INDEX. */
export interface AlterTable {
  readonly kind: 'alter-table'
  readonly table: TableName
  readonly renamedTo: TableName | undefined
  /** Rows come or go without events: partitions dropped, emptied or exchanged, a tablespace discarded or imported. */
  readonly touchesPartitions: boolean
  /** The table that became a partition, gave its rows for one, or was made of one. */
  readonly exchanged: TableName | undefined
}

export interface DropTables {
  readonly kind: 'drop-tables'
  readonly tables: readonly TableName[]
  readonly temporary: boolean
  readonly ifExists: boolean
}

/** One after the other: a later pair finds what an earlier one has made. */
export interface RenameTables {
  readonly kind: 'rename-tables'
  readonly pairs: readonly { readonly from: TableName; readonly to: TableName }[]
}

/** MariaDB: a sequence has the name of a table and is none. */
export interface Sequence {
  readonly kind: 'sequence'
  readonly action: 'create' | 'alter' | 'drop'
  readonly sequences: readonly TableName[]
}

/** The text itself changes rows: STATEMENT format. Triggers and functions may change other tables besides. */
export interface Dml {
  readonly kind: 'dml'
  /** What it writes to; undefined where that is not told by its first words. */
  readonly tables: readonly TableName[] | undefined
}

export const UNKNOWN: Statement = { kind: 'unknown' }
export const OTHER: Statement = { kind: 'other' }
