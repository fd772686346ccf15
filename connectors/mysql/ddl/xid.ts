import { formatXid } from '../binlog/xid.ts'
import type { Tokens } from './tokens.ts'

/** The form of a name that gives none. */
const DEFAULT_FORM = 1
const FORM = /^\d{1,10}$/
const HEX = /^(?:[0-9A-Fa-f]{2})*$/
/** Bytes of a part. */
const MAX_PART = 64

/** `X'global'[, X'branch'[, form]]`, or with literals of text, and goes on behind it. Undefined where none is. */
export function readXid(tokens: Tokens): string | undefined {
  const global = readPart(tokens)
  if (global === undefined) return undefined
  if (!tokens.takeSymbol(',')) return formatXid({ global, branch: Buffer.alloc(0), format: DEFAULT_FORM })
  const branch = readPart(tokens)
  if (branch === undefined) return undefined
  if (!tokens.takeSymbol(',')) return formatXid({ global, branch, format: DEFAULT_FORM })
  const form = tokens.takeName()
  return form === undefined || !FORM.test(form) ? undefined : formatXid({ global, branch, format: Number(form) })
}

function readPart(tokens: Tokens): Buffer | undefined {
  const isHex = tokens.take('X')
  const text = tokens.takeString()
  if (text === undefined || (isHex && !HEX.test(text))) return undefined
  const part = Buffer.from(text, isHex ? 'hex' : 'utf8')
  return part.length > MAX_PART ? undefined : part
}
