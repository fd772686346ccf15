import { readIndexedTable } from './alter.ts'
import { readDrop } from './drop.ts'
import { OTHER, type Statement } from './kinds.ts'
import { type Reading, readTable, type TableName, takeIfExists } from './names.ts'
import { OTHER_OBJECTS } from './other-objects.ts'
import type { Tokens } from './tokens.ts'

const BEFORE_INDEX = ['UNIQUE', 'FULLTEXT', 'SPATIAL', 'VECTOR', 'ONLINE', 'OFFLINE']

/** Behind CREATE. Undefined: it cannot be told what it does. */
export function readCreate(reading: Reading): Statement | undefined {
  const { tokens } = reading
  const orReplace = tokens.take('OR') && tokens.take('REPLACE')
  if (orReplace && (tokens.is('DATABASE') || tokens.is('SCHEMA'))) return readDrop(reading)
  const temporary = tokens.take('TEMPORARY')
  if (tokens.take('TABLE')) return readCreateTable(reading, temporary, orReplace)
  if (tokens.take('SEQUENCE')) {
    takeIfExists(tokens)
    const sequence = readTable(reading)
    return sequence && { kind: 'sequence', action: 'create', sequences: [sequence] }
  }
  if (temporary) return undefined
  const isOther = OTHER_OBJECTS.has(tokens.keyword())
  tokens.takeAnyOf(BEFORE_INDEX)
  if (tokens.take('INDEX')) return readIndexedTable(reading)
  return isOther || tokens.is('REFERENCE') ? OTHER : undefined
}

function readCreateTable(reading: Reading, temporary: boolean, orReplace: boolean): Statement | undefined {
  const ifNotExists = takeIfExists(reading.tokens)
  const table = readTable(reading)
  const contents = table && readContents(reading)
  return contents && { kind: 'create-table', table, temporary, orReplace, ifNotExists, ...contents }
}

/** What fills the new table, or what it is made like. */
interface Contents {
  readonly like: TableName | undefined
  readonly select: boolean
  readonly startsTransaction: boolean
}

/** Words that begin a query; reserved, so outside parentheses nothing else is called so. */
const QUERY = ['AS', 'SELECT', 'VALUES', 'TABLE']

function readContents(reading: Reading): Contents | undefined {
  const { tokens } = reading
  let select = false
  let startsTransaction = false
  let depth = 0
  /** Only parentheses stand between here and the outside. */
  let isOutermost = true
  while (tokens.kind !== 'end') {
    if (tokens.kind === 'broken') return undefined
    if (isOutermost && tokens.take('LIKE')) {
      const like = readTable(reading)
      return like && { like, select: false, startsTransaction: false }
    }
    if (isOutermost && (QUERY.some(word => tokens.is(word)) || isCommonTableExpression(tokens))) select = true
    if (depth === 0 && tokens.take('START') && tokens.is('TRANSACTION')) startsTransaction = true
    if (tokens.isSymbol('(')) depth++
    else if (tokens.isSymbol(')')) depth--
    isOutermost = depth === 0 || (isOutermost && tokens.isSymbol('('))
    tokens.next()
  }
  return { like: undefined, select, startsTransaction }
}

/** WITH, other than in MariaDB's WITH SYSTEM VERSIONING; goes on behind it. */
function isCommonTableExpression(tokens: Tokens): boolean {
  return tokens.take('WITH') && !tokens.is('SYSTEM')
}
