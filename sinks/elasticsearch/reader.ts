import type { SinkRow } from '../../runtime/contract.ts'
import { type ExactJson, type ExactNumber, parseExact } from '../../runtime/record/text.ts'
import type { Client } from './client.ts'
import { DELETED } from './mapping.ts'
import type { RowDocuments } from './row-document.ts'
import { pagesOf } from './scroll.ts'
import { refusal } from './server-error.ts'

/** Documents asked for at first, and at most, and what an answer should have. */
const FIRST = 50
const MOST = 2000
const WISHED_BYTES = 1024 * 1024
/** An answer with more is cut off, and asked for in parts. */
const ANSWER_BYTES = 8 * 1024 * 1024

export interface FoundDocument {
  readonly id: string
  /** Text of a number; of one that is not there empty. */
  readonly version: string
  /** As it was sent; undefined: there is none. */
  readonly source: { readonly [field: string]: ExactJson } | undefined
}

interface Answer {
  readonly docs: readonly {
    readonly _id: string
    readonly found?: boolean
    readonly _version?: ExactNumber
    readonly _source?: FoundDocument['source']
  }[]
}

/** Documents by their ids, in their order, also those that no search finds yet; in groups of some MB. */
export async function* documentsOf(
  client: Client,
  index: string,
  ids: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<readonly FoundDocument[]> {
  let count = FIRST
  for (let from = 0; from < ids.length; ) {
    const wanted = ids.slice(from, from + count)
    const limit = wanted.length === 1 ? Number.POSITIVE_INFINITY : ANSWER_BYTES
    // With a filter of the answer the engine would write documents anew, numbers with other digits.
    const path = `/${encodeURIComponent(index)}/_mget`
    const send = { bytes: Buffer.from(JSON.stringify({ ids: wanted })), type: 'application/json' } as const
    const answer = await client.send('POST', path, signal, send, limit)
    if (answer === undefined) {
      count = Math.ceil(wanted.length / 4)
      continue
    }
    if (answer.status !== 200) throw refusal(client.server, answer.status, answer.bytes)
    const { docs } = parseExact(answer.bytes.toString()) as unknown as Answer
    yield docs.map(({ _id: id, found, _version: version, _source: source }) => ({
      id,
      version: version?.rawJSON ?? '',
      source: found === true ? (source ?? {}) : undefined,
    }))
    from += wanted.length
    const size = Math.max(1, answer.bytes.length / wanted.length)
    count = Math.max(1, Math.min(MOST, 2 * count, Math.floor(WISHED_BYTES / size)))
  }
}

/** Rows by the ids of their documents, in their order. */
export async function rowsOf(
  client: Client,
  index: string,
  documents: RowDocuments,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<(SinkRow | undefined)[]> {
  const rows: (SinkRow | undefined)[] = []
  for await (const group of documentsOf(client, index, ids, signal))
    for (const { id, source } of group) rows.push(source === undefined ? undefined : documents.rowOf(id, source))
  return rows
}

/** All rows of an index, in no order; what changes meanwhile may be seen or not. */
export async function* allRows(
  client: Client,
  index: string,
  documents: RowDocuments,
  signal: AbortSignal,
): AsyncGenerator<readonly SinkRow[]> {
  const body = { _source: false, query: { bool: { must_not: [{ term: { [DELETED]: true } }] } } }
  for await (const page of pagesOf<{ readonly _id: string }>(client, index, body, signal))
    for await (const group of documentsOf(
      client,
      index,
      page.map(({ _id }) => _id),
      signal,
    )) {
      const rows = group.flatMap(({ id, source }) => (source === undefined ? [] : (documents.rowOf(id, source) ?? [])))
      if (rows.length > 0) yield rows
    }
}
