import type { Statement, Xa } from './kinds.ts'
import type { Tokens } from './tokens.ts'
import { readXid } from './xid.ts'

export const BEGIN: Statement = { kind: 'begin' }
const COMMIT: Statement = { kind: 'commit' }
const ROLLBACK: Statement = { kind: 'rollback' }

/** What transactions begin and end with, as the server writes it: told without reading. */
export function readPlain(text: string): Statement | undefined {
  if (text === 'BEGIN') return BEGIN
  return text === 'COMMIT' ? COMMIT : undefined
}

/** Each reader stands behind the statement's first word. Undefined: it cannot be told what it does. */

export function readBegin(tokens: Tokens): Statement | undefined {
  tokens.take('WORK')
  return isAtEnd(tokens) ? BEGIN : undefined
}

export function readCommit(tokens: Tokens): Statement | undefined {
  return isCompletion(tokens) ? COMMIT : undefined
}

export function readRollback(tokens: Tokens): Statement | undefined {
  tokens.take('WORK')
  if (!tokens.take('TO')) return isCompletion(tokens) ? ROLLBACK : undefined
  tokens.take('SAVEPOINT')
  return readSavepoint(tokens, 'rollback')
}

export function readSavepoint(tokens: Tokens, action: 'set' | 'rollback' | 'release'): Statement | undefined {
  const name = tokens.takeName()
  return name === undefined || !isAtEnd(tokens) ? undefined : { kind: 'savepoint', action, name }
}

const XA_ACTIONS: readonly (readonly [word: string, action: Xa['action']])[] = [
  ['START', 'start'],
  ['BEGIN', 'start'],
  ['END', 'end'],
  ['PREPARE', 'prepare'],
  ['COMMIT', 'commit'],
  ['ROLLBACK', 'rollback'],
]

export function readXa(tokens: Tokens): Statement | undefined {
  const action = XA_ACTIONS.find(([word]) => tokens.take(word))?.[1]
  const xid = action === undefined ? undefined : readXid(tokens)
  if (action === undefined || xid === undefined) return undefined
  const onePhase = action === 'commit' && tokens.take('ONE') && tokens.take('PHASE')
  return isAtEnd(tokens) ? { kind: 'xa', action, xid, onePhase } : undefined
}

/** [WORK] [AND [NO] CHAIN] [[NO] RELEASE], and nothing else. */
function isCompletion(tokens: Tokens): boolean {
  tokens.takeAnyOf(['WORK', 'AND', 'NO', 'CHAIN', 'RELEASE'])
  return isAtEnd(tokens)
}

function isAtEnd(tokens: Tokens): boolean {
  tokens.takeSymbol(';')
  return tokens.kind === 'end'
}
