/** What a stretch of the log holds of the source's transactions: whether each is there once and in one piece. */

export interface LoggedTransactions {
  readonly transactions: number
  readonly changes: number
  /** Changes that came a second time, or behind the end of their transaction. */
  readonly repeated: number
}

interface Line {
  readonly value: { readonly transaction: { readonly id: string; readonly total_order: number } | null } | null
}

/** Reads changes as lines of JSON (`tailrace changes`). Memory: a transaction's id each. */
export async function countTransactions(lines: ReadableStream<Uint8Array>): Promise<LoggedTransactions> {
  const ended = new Set<string>()
  let changes = 0
  let repeated = 0
  let current: string | undefined
  let order = -1
  for await (const line of splitLines(lines)) {
    const transaction = (JSON.parse(line) as Line).value?.transaction
    if (transaction === undefined || transaction === null) continue
    changes++
    if (transaction.id !== current) {
      if (current !== undefined) ended.add(current)
      current = transaction.id
      order = -1
    }
    if (ended.has(current) || transaction.total_order <= order) repeated++
    order = transaction.total_order
  }
  if (current !== undefined) ended.add(current)
  return { transactions: ended.size, changes, repeated }
}

async function* splitLines(bytes: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  for await (const piece of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}
