import { readIndexedTable } from './alter.ts'
import { OTHER, type RenameTables, type Statement } from './kinds.ts'
import { foldName, type Reading, readTable, readTables, takeIfExists, takeWait } from './names.ts'
import { OTHER_OBJECTS } from './other-objects.ts'

/** Each reader stands behind the statement's first word. Undefined: it cannot be told what it does. */

export function readDrop(reading: Reading): Statement | undefined {
  const { tokens, flags } = reading
  if (tokens.take('DATABASE') || tokens.take('SCHEMA')) {
    takeIfExists(tokens)
    const name = tokens.takeName()
    return name === undefined
      ? undefined
      : { kind: 'drop-database', database: foldName(name, flags.lowerCaseTableNames) }
  }
  const temporary = tokens.take('TEMPORARY')
  if (tokens.take('TABLE') || tokens.take('TABLES')) {
    const ifExists = takeIfExists(tokens)
    const tables = readTables(reading)
    return tables && { kind: 'drop-tables', tables, temporary, ifExists }
  }
  if (tokens.take('SEQUENCE')) {
    takeIfExists(tokens)
    const sequences = readTables(reading)
    return sequences && { kind: 'sequence', action: 'drop', sequences }
  }
  if (temporary) return undefined
  if (OTHER_OBJECTS.has(tokens.keyword()) || tokens.take('SPATIAL')) return OTHER
  tokens.takeAnyOf(['ONLINE', 'OFFLINE'])
  return tokens.take('INDEX') ? readIndexedTable(reading) : undefined
}

export function readRenameTables(reading: Reading): Statement | undefined {
  const { tokens } = reading
  if (tokens.is('USER')) return OTHER
  if (!tokens.take('TABLE') && !tokens.take('TABLES')) return undefined
  takeIfExists(tokens)
  const pairs: RenameTables['pairs'][number][] = []
  do {
    const from = readTable(reading)
    takeWait(tokens)
    const to = tokens.take('TO') ? readTable(reading) : undefined
    if (from === undefined || to === undefined) return undefined
    pairs.push({ from, to })
  } while (tokens.takeSymbol(','))
  return { kind: 'rename-tables', pairs }
}

export function readTruncate(reading: Reading): Statement | undefined {
  reading.tokens.take('TABLE')
  const table = readTable(reading)
  return table && { kind: 'truncate', table }
}

/** ANALYZE, OPTIMIZE, REPAIR, CHECK. MariaDB's ANALYZE of a statement runs it. */
export function readMaintenance(reading: Reading): Statement | undefined {
  const { tokens } = reading
  tokens.takeAnyOf(['NO_WRITE_TO_BINLOG', 'LOCAL'])
  if (tokens.is('VIEW')) return OTHER
  if (!tokens.take('TABLE') && !tokens.take('TABLES')) return { kind: 'dml', tables: undefined }
  const tables = readTables(reading)
  return tables && { kind: 'maintain-tables', tables }
}
