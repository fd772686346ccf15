import { type Dml, OTHER, type Statement } from './kinds.ts'
import { type Reading, readTable } from './names.ts'

/** Each reader stands behind the statement's first word. */

/** INSERT, REPLACE. */
export function readInsert(reading: Reading): Dml {
  reading.tokens.takeAnyOf(['LOW_PRIORITY', 'DELAYED', 'HIGH_PRIORITY', 'IGNORE', 'INTO'])
  return writingTo(reading)
}

export function readUpdate(reading: Reading): Dml {
  const { tokens } = reading
  tokens.takeAnyOf(['LOW_PRIORITY', 'IGNORE'])
  const dml = writingTo(reading)
  if (!tokens.is('SET')) {
    tokens.take('AS')
    tokens.takeName()
  }
  return tokens.is('SET') ? dml : ANY_TABLE
}

export function readDelete(reading: Reading): Dml {
  const { tokens } = reading
  tokens.takeAnyOf(['LOW_PRIORITY', 'QUICK', 'IGNORE', 'HISTORY'])
  if (!tokens.take('FROM')) return ANY_TABLE
  const dml = writingTo(reading)
  return tokens.isSymbol(',') || tokens.isSymbol('.') || tokens.is('USING') ? ANY_TABLE : dml
}

/** LOAD DATA, LOAD XML ... INTO TABLE t; LOAD INDEX INTO CACHE changes nothing. */
export function readLoad(reading: Reading): Statement {
  const { tokens } = reading
  if (tokens.is('INDEX')) return OTHER
  while (tokens.kind !== 'end' && tokens.kind !== 'broken')
    if (tokens.take('INTO')) return tokens.take('TABLE') ? writingTo(reading) : ANY_TABLE
    else tokens.next()
  return ANY_TABLE
}

/** It may write to any table. */
export const ANY_TABLE: Dml = { kind: 'dml', tables: undefined }

function writingTo(reading: Reading): Dml {
  const table = readTable(reading)
  return table === undefined ? ANY_TABLE : { kind: 'dml', tables: [table] }
}
