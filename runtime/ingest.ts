import type { Logger } from 'pino'
import type { LoadRequest, Position, Resume, Source, SourceLog, StartOptions } from './contract.ts'
import { Held } from './ingest/held.ts'
import { type KeyedLog, lookupUnsupported } from './ingest/load.ts'
import { loadBefore } from './ingest/load-before.ts'
import { Loads } from './ingest/loads.ts'
import { LogWriter } from './ingest/log-writer.ts'
import { Merger } from './ingest/merge.ts'
import { repair } from './ingest/repair.ts'
import { untilNoRoom } from './ingest/room.ts'
import { StreamPosition } from './ingest/stream-position.ts'
import type { Work } from './supervisor.ts'

/** Of chunks that wait for the stream, of all loads of a source together. */
const HELD_BYTES = 16 * 1024 * 1024

/** What ingest tells while it works, for status and lag. */
export interface IngestEvents {
  started(resume: Resume | undefined, loads: readonly LoadRequest[]): void
  /** Rows of a load before the stream are durable. */
  loaded(table: string, rows: number, totalRows: number | null, done: boolean): void
  /** The stream begins; loads beside it can be asked for. Undefined: this log does not know its rows by key. */
  streaming(loads: Loads | undefined): void
  /** The log holds everything up to here, and the source was told. */
  durable(position: Position, changes: number): void
}

export interface IngestOptions extends StartOptions {
  readonly logger: Logger
}

/**
 * Moves everything from a source into its log: first the loads that must come before the stream, then the stream, and
 * beside it all other loads. One writer: a load is merged between two units of the stream, which never waits for more
 * than that. The source is told what it may forget only once the log has made it durable. Runs until drained, aborted or
 * failed; a unit that was not whole is dropped by the log at the next start and delivered again by the source.
 */
export async function ingest(
  source: Source,
  log: SourceLog,
  events: IngestEvents,
  work: Work,
  { logger, resync, failed }: IngestOptions,
): Promise<void> {
  const resume = await log.resume()
  const requests = await source.start(resume, work.drain, { resync, failed })
  events.started(resume, requests)
  using room = untilNoRoom(log, work)
  work.running()
  const writer = new LogWriter(log, source, resume, room.signal)
  const before = requests.filter(request => !request.beside)
  const rest = await loadBefore(before, { source, writer, loaded: events.loaded }, work.drain)
  const beside = [...requests.filter(request => request.beside), ...rest]

  const ending = new AbortController()
  const signal = AbortSignal.any([work.drain, ending.signal])
  // What a new lineage has of positions says nothing to the old one's.
  const position = new StreamPosition(source, resync ? undefined : resume?.stream)
  const parts: Promise<unknown>[] = []
  if (isKeyed(log)) {
    const place = { source, log, writer, merger: new Merger(log, source), position, held: new Held(HELD_BYTES) }
    const wanted = [...beside, ...interrupted(source, resume, requests)]
    const isResumed = resume?.stream !== undefined
    const loads = new Loads(place, logger, isResumed ? [] : wanted)
    // Durable before the stream moves on behind what made them necessary.
    if (isResumed) for (const request of wanted) await loads.add(request)
    events.streaming(loads)
    parts.push(loads.run(signal), takeDue(source, loads, position, signal))
    const [incompleteKeys, request] = [log.incompleteKeys?.bind(log), source.request?.bind(source)]
    if (incompleteKeys !== undefined && request !== undefined)
      parts.push(repair({ log, loads, incompleteKeys, request }, signal))
  } else {
    if (beside.length > 0) throw lookupUnsupported()
    events.streaming(undefined)
  }
  parts.push(stream(source, writer, position, events, signal))
  try {
    await Promise.all(parts)
  } finally {
    ending.abort(new Error('ingest ends'))
    await Promise.allSettled(parts)
  }
}

async function stream(
  source: Source,
  writer: LogWriter,
  at: StreamPosition,
  events: IngestEvents,
  signal: AbortSignal,
): Promise<void> {
  let changes = 0
  for await (const batch of source.changes(signal)) {
    changes += batch.count
    const position = (await writer.stream(batch))?.position
    if (position === undefined) continue
    source.ack(position)
    at.move(position)
    events.durable(position, changes)
    changes = 0
  }
}

/** Loads beside the stream that an earlier run had begun, and which the source does not ask for by itself. */
function interrupted(source: Source, resume: Resume | undefined, asked: readonly LoadRequest[]): LoadRequest[] {
  if (resume?.stream === undefined) return []
  const names = new Set(asked.map(({ table }) => table.name))
  return [...resume.loads].flatMap(([name, progress]) => {
    if (progress.done || names.has(name)) return []
    const request = source.request?.(name, { kind: 'all' }, progress.pass !== undefined)
    return request === undefined ? [] : [{ ...request, resume: progress }]
  })
}

async function takeDue(source: Source, loads: Loads, position: StreamPosition, signal: AbortSignal): Promise<void> {
  if (source.due === undefined) return
  await position.known(signal)
  for await (const request of source.due(signal)) await loads.add(request)
}

function isKeyed(log: SourceLog): log is KeyedLog {
  return log.states !== undefined && log.newest !== undefined
}
