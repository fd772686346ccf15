/** Rows as JSON text, merged member by member as bytes, so that no digit passes through a number. */

const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d
const BRACKET_OPEN = 0x5b
const BRACKET_CLOSE = 0x5d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c

interface Member {
  /** The name as it is written, with its quotes. */
  readonly name: string
  /** From the name's quote to behind the value. */
  readonly from: number
  readonly to: number
}

/**
 * The former row with the members of `present` in the place of its own of these names. Undefined if it is no object as
 * record/json.ts writes it.
 */
export function mergeRows(former: Buffer, present: Buffer): Buffer | undefined {
  const news = members(present)
  const olds = members(former)
  if (news === undefined || olds === undefined) return undefined
  const names = new Set(news.map(({ name }) => name))
  const kept = olds.filter(({ name }) => !names.has(name)).map(({ from, to }) => former.subarray(from, to))
  const parts = [...kept, ...news.map(({ from, to }) => present.subarray(from, to))]
  return Buffer.concat([
    Buffer.from('{'),
    ...parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from(','), part])),
    Buffer.from('}'),
  ])
}

/** Whether the row has a member of this name; undefined if it is no row. */
export function hasMember(row: Buffer, name: string): boolean | undefined {
  const written = JSON.stringify(name)
  return members(row)?.some(member => member.name === written)
}

function members(row: Buffer): Member[] | undefined {
  if (row[0] !== BRACE_OPEN || row.length < 2) return undefined
  const found: Member[] = []
  if (row[1] === BRACE_CLOSE) return row.length === 2 ? found : undefined
  for (let at = 1; ; ) {
    const nameEnd = stringEnd(row, at)
    if (nameEnd === -1 || row[nameEnd] !== COLON) return undefined
    const end = valueEnd(row, nameEnd + 1)
    if (end === -1) return undefined
    found.push({ name: row.toString('utf8', at, nameEnd), from: at, to: end })
    if (row[end] === BRACE_CLOSE) return end === row.length - 1 ? found : undefined
    at = end + 1
  }
}

/** Behind the string that begins here; -1: there is none. */
function stringEnd(row: Buffer, from: number): number {
  if (row[from] !== QUOTE) return -1
  for (let at = from + 1; at < row.length; at++) {
    if (row[at] === BACKSLASH) at++
    else if (row[at] === QUOTE) return at + 1
  }
  return -1
}

/** The comma or brace behind the value that begins here; -1: there is none. */
function valueEnd(row: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < row.length; at++) {
    const byte = row[at]!
    if (byte === QUOTE) {
      const end = stringEnd(row, at)
      if (end === -1) return -1
      at = end - 1
    } else if (byte === BRACE_OPEN || byte === BRACKET_OPEN) depth++
    else if (depth === 0 && (byte === COMMA || byte === BRACE_CLOSE)) return at > from ? at : -1
    else if (byte === BRACE_CLOSE || byte === BRACKET_CLOSE) depth--
  }
  return -1
}
