import { type AlterTable, OTHER, type Statement } from './kinds.ts'
import { type Reading, readTable, type TableName, takeIfExists, takeWait } from './names.ts'
import { OTHER_OBJECTS } from './other-objects.ts'
import type { Tokens } from './tokens.ts'

/** Behind ALTER. Undefined: it cannot be told what it does. */
export function readAlter(reading: Reading): Statement | undefined {
  const { tokens } = reading
  if (OTHER_OBJECTS.has(tokens.keyword())) return OTHER
  if (tokens.take('SEQUENCE')) {
    takeIfExists(tokens)
    const sequence = readTable(reading)
    return sequence && { kind: 'sequence', action: 'alter', sequences: [sequence] }
  }
  tokens.takeAnyOf(['ONLINE', 'OFFLINE', 'IGNORE'])
  return tokens.take('TABLE') ? readAlterTable(reading) : undefined
}

function readAlterTable(reading: Reading): Statement | undefined {
  const { tokens } = reading
  takeIfExists(tokens)
  const table = readTable(reading)
  if (table === undefined) return undefined
  takeWait(tokens)
  const alter: Altering = { renamedTo: undefined, touchesPartitions: false, exchanged: undefined }
  return readSpecifications(reading, alter) ? { kind: 'alter-table', table, ...alter } : undefined
}

/** ALTER TABLE while it is being read. */
interface Altering {
  renamedTo: TableName | undefined
  touchesPartitions: boolean
  exchanged: TableName | undefined
}

/** What is done to the table, with commas between. False: it cannot be told. */
function readSpecifications(reading: Reading, alter: Altering): boolean {
  const { tokens } = reading
  do {
    if (!readSpecification(reading, alter)) return false
    skipToComma(tokens)
  } while (tokens.takeSymbol(','))
  return tokens.kind !== 'broken'
}

function readSpecification(reading: Reading, alter: Altering): boolean {
  const { tokens } = reading
  if (tokens.take('RENAME')) return readRename(reading, alter)
  if (tokens.take('EXCHANGE')) return skipTo(tokens, 'TABLE') && readExchanged(reading, alter)
  if (tokens.take('CONVERT')) return readConvert(reading, alter)
  if (tokens.take('DISCARD') || tokens.take('IMPORT')) alter.touchesPartitions = true
  else if ((tokens.take('DROP') || tokens.take('TRUNCATE')) && tokens.is('PARTITION')) alter.touchesPartitions = true
  return true
}

/** RENAME [TO | AS | =] table; other things are renamed too. */
function readRename(reading: Reading, alter: Altering): boolean {
  const { tokens } = reading
  if (tokens.is('COLUMN') || tokens.is('INDEX') || tokens.is('KEY')) return true
  if (!tokens.take('TO') && !tokens.take('AS')) tokens.takeSymbol('=')
  alter.renamedTo = readTable(reading)
  return alter.renamedTo !== undefined
}

/** MariaDB's CONVERT PARTITION p TO TABLE t and CONVERT TABLE t TO PARTITION p; CONVERT TO is of character sets. */
function readConvert(reading: Reading, alter: Altering): boolean {
  const { tokens } = reading
  if (tokens.is('TO')) return true
  return (tokens.is('TABLE') || (tokens.is('PARTITION') && skipTo(tokens, 'TABLE'))) && readExchanged(reading, alter)
}

/** At TABLE. */
function readExchanged(reading: Reading, alter: Altering): boolean {
  reading.tokens.next()
  alter.touchesPartitions = true
  alter.exchanged = readTable(reading)
  return alter.exchanged !== undefined
}

/** Behind CREATE INDEX and DROP INDEX: [IF [NOT] EXISTS] name ... ON table. */
export function readIndexedTable(reading: Reading): AlterTable | undefined {
  takeIfExists(reading.tokens)
  if (reading.tokens.takeName() === undefined || !skipTo(reading.tokens, 'ON')) return undefined
  reading.tokens.next()
  const table = readTable(reading)
  return table && { kind: 'alter-table', table, renamedTo: undefined, touchesPartitions: false, exchanged: undefined }
}

/** To the word. False: it does not come. */
function skipTo(tokens: Tokens, word: string): boolean {
  while (!tokens.is(word)) {
    if (tokens.kind === 'end' || tokens.kind === 'broken') return false
    tokens.next()
  }
  return true
}

/** To the next comma outside parentheses, or to the end. */
function skipToComma(tokens: Tokens): void {
  let depth = 0
  while (tokens.kind !== 'end' && tokens.kind !== 'broken' && !(depth === 0 && tokens.isSymbol(','))) {
    if (tokens.isSymbol('(')) depth++
    else if (tokens.isSymbol(')')) depth--
    tokens.next()
  }
}
