import type { Client } from './client.ts'
import { refreshIndex } from './indexes.ts'

/** Documents in a page. Of rows only the ids are asked for. */
const PAGE = 1000
const KEPT = '2m'

interface Answer<H> {
  readonly _scroll_id?: string
  readonly hits: { readonly hits: readonly H[] }
}

/** All that is in an index at the call, a page at a time, in no order. */
export async function* pagesOf<H>(
  client: Client,
  index: string,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): AsyncGenerator<readonly H[]> {
  const at = encodeURIComponent(index)
  await refreshIndex(client, index, signal)
  const first = { body: { size: PAGE, sort: ['_doc'], ...body } }
  let answer = (await client.ask('POST', `/${at}/_search?scroll=${KEPT}`, signal, first)).body as Answer<H>
  try {
    while (answer.hits.hits.length > 0) {
      yield answer.hits.hits
      if (answer.hits.hits.length < PAGE) return
      const next = { body: { scroll: KEPT, scroll_id: answer._scroll_id } }
      answer = (await client.ask('POST', '/_search/scroll', signal, next)).body as Answer<H>
    }
  } finally {
    const { _scroll_id: id } = answer
    // It ends by itself soon; an abort must not wait for it.
    if (id !== undefined && !signal.aborted)
      await client.ask('DELETE', '/_search/scroll', signal, { body: { scroll_id: [id] }, accept: [404] })
  }
}
