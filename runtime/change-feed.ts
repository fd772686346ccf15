import type { Cursor, LoggedChange, SourceLog } from './contract.ts'
import { TailraceError } from './errors.ts'
import { EnvelopeWriter } from './record/envelope.ts'
import { keyText } from './record/key.ts'
import { tableFilter } from './select.ts'

/** The changes of one or more logs as lines of JSON, for people and programs outside. */

export interface FeedRequest {
  /** Patterns of full names, `source.schema.table`; undefined: every table. */
  readonly tables?: readonly string[]
  /** Only this key: the column's text, composite keys joined by `|` (record/key.ts). */
  readonly key?: string
  /** `start`, `end`, or a cursor that the feed gave out. */
  readonly from: string
  /** Microseconds since 1970: nothing that was appended before. */
  readonly since?: bigint
  /** True: goes on at the end, for ever. False: ends at what is the end now. */
  readonly follow: boolean
}

export interface FeedSource {
  readonly name: string
  readonly type: string
  readonly database: string | null
  readonly log: SourceLog
}

/** The database that a source's `url` names. */
export function databaseOf(options: unknown): string | null {
  if (typeof options !== 'object' || options === null || !('url' in options)) return null
  const url = typeof options.url === 'string' ? URL.parse(options.url) : null
  const name = url?.pathname.slice(1) ?? ''
  return name === '' ? null : decodeURIComponent(name)
}

export interface FeedLine {
  /** The change as JSON, without newline. Valid until `take` resolves. */
  readonly bytes: Uint8Array
  /** Where to go on behind it; of several sources it names a place in each. */
  readonly cursor: string
}

/**
 * Hands each change to `take`, one at a time, in the log's order per source. Resolves when every source has come to
 * its end; never if `follow`. `opened` is called once the request is known to be good. Throws CURSOR_FOREIGN, CURSOR_EXPIRED, CONFIG_PATTERN.
 */
export async function feed(
  sources: readonly FeedSource[],
  request: FeedRequest,
  take: (line: FeedLine) => Promise<void> | void,
  signal: AbortSignal,
  opened: () => void = () => {},
): Promise<void> {
  const starts = startingPoints(sources, request.from)
  const cursors = starts.map(start => start ?? ('' as Cursor | ''))
  const place = (): string => cursors.join(' ')
  const filter = tableFilter(request.tables?.length === 0 ? undefined : request.tables)
  const failure = new AbortController()
  const together = AbortSignal.any([signal, failure.signal])
  await Promise.all(sources.map(({ log }, i) => log.lag(starts[i] ?? 'start', filter)))
  const reads = sources.map(({ log }, i) => log.read(starts[i] ?? 'start', filter, together))
  opened()
  let turn: Promise<void> = Promise.resolve()
  const loops = sources.map(async (source, i) => {
    const end = source.log.end()
    const start = starts[i]
    if (!request.follow && (end === undefined || start === end)) return
    const writer = new EnvelopeWriter({ type: source.type, source: source.name, database: source.database })
    for await (const batch of reads[i]!) {
      for (const change of batch) {
        if (!isWanted(change, request)) continue
        // Only in its turn: until then the cursors of other sources' changes must not claim it.
        const taken = turn.then(() => {
          cursors[i] = change.cursor
          return take({ bytes: writer.write(change, place()), cursor: place() })
        })
        turn = taken
        await taken
      }
      cursors[i] = batch.cursor
      if (!request.follow && source.log.compare(batch.cursor, end!) !== 'before') return
    }
  })
  for (const loop of loops) loop.catch(error => failure.abort(error))
  const results = await Promise.allSettled(loops)
  if (results.some(result => result.status === 'rejected')) throw failure.signal.reason
}

function isWanted(change: LoggedChange, { key, since }: FeedRequest): boolean {
  if (change.kind === 's') return false
  if (since !== undefined && change.appendTime < since) return false
  return key === undefined || (change.key.length > 0 && keyText(change.key) === key)
}

/** A cursor of several sources has a part for each, in their order; an empty part is the start. */
function startingPoints(sources: readonly FeedSource[], from: string): (Cursor | undefined)[] {
  if (from === 'start') return sources.map(() => undefined)
  if (from === 'end') return sources.map(source => source.log.end())
  const parts = from.split(' ')
  if (parts.length !== sources.length) throw foreign()
  return sources.map(({ log }, i) => {
    const cursor = parts[i] as Cursor
    if (cursor === '') return undefined
    if (log.compare(cursor, log.end() ?? cursor) === 'foreign') throw foreign()
    return cursor
  })
}

function foreign(): TailraceError {
  return new TailraceError('CURSOR_FOREIGN', 'stop', 'The cursor does not belong to this log.', {
    hint: 'The log was made anew, or sources were added or removed. Start again without a cursor.',
  })
}
