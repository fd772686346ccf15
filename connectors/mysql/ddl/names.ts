import type { LexicalMode, Tokens } from './tokens.ts'

export interface TableName {
  readonly database: string
  readonly table: string
}

/** lower_case_table_names: 0 names differ by case; 1 they are stored in lower case; 2 as given, compared in lower case. */
export type NameCase = 0 | 1 | 2

export interface StatementFlags extends LexicalMode {
  readonly lowerCaseTableNames: NameCase
}

/** The form in which two names of one table are equal. */
export function tableName(database: string, table: string, nameCase: NameCase): TableName {
  return { database: foldName(database, nameCase), table: foldName(table, nameCase) }
}

/** The server folds character by character, so a letter never becomes two, and its neighbours do not matter. */
export function foldName(name: string, nameCase: NameCase): string {
  if (nameCase === 0) return name
  if (/^[\0-\x7f]*$/.test(name)) return name.toLowerCase()
  let folded = ''
  for (const character of name) folded += String.fromCodePoint(character.toLowerCase().codePointAt(0)!)
  return folded
}

/** A statement being read. */
export interface Reading {
  readonly tokens: Tokens
  readonly flags: StatementFlags
  /** Where names without a database belong; empty where there is none. */
  readonly database: string
}

/** `t`, `db.t` or `.t`, and goes on behind it. Undefined where none is, or its database cannot be told. */
export function readTable({ tokens, flags, database }: Reading): TableName | undefined {
  let table = tokens.takeSymbol('.') ? '' : tokens.takeName()
  let owner = database
  if (table === '') table = tokens.takeName()
  else if (table !== undefined && tokens.takeSymbol('.')) {
    owner = table
    table = tokens.takeName()
  }
  return table === undefined || owner === '' ? undefined : tableName(owner, table, flags.lowerCaseTableNames)
}

/** Tables with commas between. Undefined when one cannot be read. */
export function readTables(reading: Reading): readonly TableName[] | undefined {
  const tables: TableName[] = []
  do {
    const table = readTable(reading)
    if (table === undefined) return undefined
    tables.push(table)
  } while (reading.tokens.takeSymbol(','))
  return tables
}

/** Goes on behind IF EXISTS or IF NOT EXISTS, and tells whether it was there. */
export function takeIfExists(tokens: Tokens): boolean {
  if (!tokens.take('IF')) return false
  tokens.take('NOT')
  return tokens.take('EXISTS')
}

/** Goes on behind MariaDB's WAIT n or NOWAIT. */
export function takeWait(tokens: Tokens): void {
  if (tokens.take('WAIT')) tokens.next()
  else tokens.take('NOWAIT')
}
