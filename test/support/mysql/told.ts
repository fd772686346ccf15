import type { Statement } from '../../../connectors/mysql/ddl/kinds.ts'
import type { StatementFlags } from '../../../connectors/mysql/ddl/names.ts'
import { readStatement } from '../../../connectors/mysql/ddl/statement.ts'
import { lexicalMode } from '../../../connectors/mysql/ddl/tokens.ts'

export const MYSQL: StatementFlags = { ...lexicalMode('mysql', 0n), lowerCaseTableNames: 0 }
export const MARIADB: StatementFlags = { ...lexicalMode('mariadb', 0n), lowerCaseTableNames: 0 }
export const ANSI: StatementFlags = { ...lexicalMode('mysql', 4n), lowerCaseTableNames: 0 }
export const NO_ESCAPES: StatementFlags = { ...lexicalMode('mysql', 1n << 20n), lowerCaseTableNames: 0 }

const name = ({ database, table }: { database: string; table: string }): string => `${database}|${table}`
const flagsOf = (parts: Record<string, unknown>): string =>
  Object.entries(parts)
    .filter(([, value]) => value !== false && value !== undefined)
    .map(([key, value]) => (value === true ? ` ${key}` : ` ${key}=${String(value)}`))
    .join('')

/** One line for a statement: its kind, tables as `database|table`, and what is special. */
function told(statement: Statement): string {
  switch (statement.kind) {
    case 'savepoint':
      return `savepoint ${statement.action} ${statement.name}`
    case 'xa':
      return `xa ${statement.action} ${statement.xid}${flagsOf({ onePhase: statement.onePhase })}`
    case 'create-table': {
      const { kind, table, like, ...flags } = statement
      return `${kind} ${name(table)}${flagsOf({ ...flags, like: like && name(like) })}`
    }
    case 'alter-table': {
      const { table, renamedTo, touchesPartitions, exchanged } = statement
      const flags = { touchesPartitions, exchanged: exchanged && name(exchanged), to: renamedTo && name(renamedTo) }
      return `alter-table ${name(table)}${flagsOf(flags)}`
    }
    case 'drop-tables': {
      const { kind, tables, ...flags } = statement
      return `${kind} ${tables.map(name).join(' ')}${flagsOf(flags)}`
    }
    case 'rename-tables':
      return `rename ${statement.pairs.map(({ from, to }) => `${name(from)}>${name(to)}`).join(' ')}`
    case 'truncate':
      return `truncate ${name(statement.table)}`
    case 'drop-database':
      return `drop-database ${statement.database}`
    case 'sequence':
      return `sequence ${statement.action} ${statement.sequences.map(name).join(' ')}`
    case 'maintain-tables':
      return `maintain ${statement.tables.map(name).join(' ')}`
    case 'dml':
      return `dml ${statement.tables?.map(name).join(' ') ?? '?'}`
    default:
      return statement.kind
  }
}

/** What readStatement tells of `text`, in one line. */
export const read = (text: string, flags = MYSQL, database = 'd'): string => told(readStatement(text, database, flags))
