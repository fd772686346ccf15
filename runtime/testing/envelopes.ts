import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { type FeedRequest, type FeedSource, feed } from '../change-feed.ts'

/**
 * A change as Debezium writes it. Values as record/json.ts has them, so that none is inexact: an integer beyond 2^53 is
 * a bigint.
 */
export interface Envelope {
  /** Where to go on behind it. */
  readonly cursor: string
  /** `source.schema.table`. */
  readonly table: string
  /** The key columns; null for a table without key, and for a truncate. */
  readonly key: Readonly<Record<string, unknown>> | null
  readonly value: {
    readonly before: Readonly<Record<string, unknown>> | null
    readonly after: Readonly<Record<string, unknown>> | null
    readonly source: Readonly<Record<string, unknown>>
    readonly op: 'c' | 'r' | 'u' | 'd' | 't' | 'm'
    readonly ts_ms: number
    readonly transaction: { readonly id: string; readonly total_order: number } | null
  }
}

/** The changes of a feed, read as they are asked for. Ends when the feed or the signal does. */
export async function* envelopes(
  sources: readonly FeedSource[],
  request: FeedRequest,
  signal: AbortSignal,
): AsyncGenerator<Envelope> {
  const stream = new PassThrough({ objectMode: true })
  const stop = new AbortController()
  const together = AbortSignal.any([signal, stop.signal])
  const take = async ({ bytes }: { readonly bytes: Uint8Array }): Promise<void> => {
    if (!stream.write(parse(Buffer.from(bytes).toString()))) await once(stream, 'drain', { signal: together })
  }
  const fed = feed(sources, request, take, together).then(
    () => stream.end(),
    error => (together.aborted ? stream.end() : stream.destroy(error)),
  )
  try {
    yield* stream as AsyncIterable<Envelope>
  } finally {
    stop.abort()
    await fed
  }
}

/** ECMAScript 2026's reviver, which Node has and TypeScript's library does not describe yet. */
type ParseWithSource = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => Envelope

function parse(line: string): Envelope {
  return (JSON.parse as ParseWithSource)(line, (_, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
      ? BigInt(source)
      : value,
  )
}
