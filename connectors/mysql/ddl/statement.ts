import { readAlter } from './alter.ts'
import { readCreate } from './create.ts'
import { ANY_TABLE, readDelete, readInsert, readLoad, readUpdate } from './dml.ts'
import { readDrop, readMaintenance, readRenameTables, readTruncate } from './drop.ts'
import { OTHER, type Statement, UNKNOWN } from './kinds.ts'
import type { Reading, StatementFlags } from './names.ts'
import { Tokens } from './tokens.ts'
import { BEGIN, readBegin, readCommit, readPlain, readRollback, readSavepoint, readXa } from './transaction.ts'

/**
 * What the statement of a QUERY event does. `text`: decoded by the event's character_set_client. `defaultDatabase`: of
 * the event, empty where there is none. In time linear to the text, and only as far into it as needed.
 *
 * `unknown`: nothing that is known begins so, or a name in it cannot be read: the caller stops. `other`: no row of a
 * table changes by it.
 */
export function readStatement(text: string, defaultDatabase: string, flags: StatementFlags): Statement {
  const plain = readPlain(text)
  if (plain !== undefined) return plain
  const tokens = new Tokens(text, flags)
  const reading = { tokens, flags, database: defaultDatabase }
  for (;;) {
    const word = tokens.keyword()
    const read = READERS.get(word)
    if (read === undefined) return UNKNOWN
    tokens.next()
    if (word !== 'SET' || !tokens.take('STATEMENT')) return read(reading) ?? UNKNOWN
    skipSettings(tokens)
  }
}

/** Reads on behind the statement's first word. Undefined: it cannot be told what the statement does. */
type Reader = (reading: Reading) => Statement | undefined

/** No row of a table changes by them. */
const OTHER_STATEMENTS = [
  'CACHE',
  'CHANGE',
  'FLUSH',
  'GRANT',
  'INSTALL',
  'KILL',
  'LOCK',
  'PURGE',
  'RESET',
  'REVOKE',
  'SET',
  'STOP',
  'UNINSTALL',
  'UNLOCK',
  'USE',
]

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['BEGIN', ({ tokens }) => readBegin(tokens)],
  ['START', ({ tokens }) => (tokens.is('TRANSACTION') ? BEGIN : OTHER)],
  ['COMMIT', ({ tokens }) => readCommit(tokens)],
  ['ROLLBACK', ({ tokens }) => readRollback(tokens)],
  ['SAVEPOINT', ({ tokens }) => readSavepoint(tokens, 'set')],
  ['RELEASE', ({ tokens }) => (tokens.take('SAVEPOINT') ? readSavepoint(tokens, 'release') : undefined)],
  ['XA', ({ tokens }) => readXa(tokens)],
  ['CREATE', readCreate],
  ['ALTER', readAlter],
  ['DROP', readDrop],
  ['RENAME', readRenameTables],
  ['TRUNCATE', readTruncate],
  ['ANALYZE', readMaintenance],
  ['OPTIMIZE', readMaintenance],
  ['REPAIR', readMaintenance],
  ['CHECK', readMaintenance],
  ['INSERT', readInsert],
  ['REPLACE', readInsert],
  ['UPDATE', readUpdate],
  ['DELETE', readDelete],
  ['LOAD', readLoad],
  ['CALL', () => ANY_TABLE],
  ['DO', () => ANY_TABLE],
  ['SELECT', () => ANY_TABLE],
  ['WITH', () => ANY_TABLE],
  ...OTHER_STATEMENTS.map((word): [string, Reader] => [word, () => OTHER]),
])

/** MariaDB's SET STATEMENT variable = value, ... FOR: to the statement behind it. */
function skipSettings(tokens: Tokens): void {
  let depth = 0
  while (tokens.kind !== 'end' && tokens.kind !== 'broken') {
    if (depth === 0 && tokens.take('FOR')) return
    if (tokens.isSymbol('(')) depth++
    else if (tokens.isSymbol(')')) depth--
    tokens.next()
  }
}
