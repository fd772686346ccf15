import { Completer } from './complete.ts'
import type { LoadRequest, Position, Resume, Source, SourceLog } from './contract.ts'
import type { Work } from './supervisor.ts'

/** What ingest tells while it works, for status and lag. */
export interface IngestEvents {
  started(resume: Resume | undefined, loads: readonly LoadRequest[]): void
  /** Rows of a load are durable. */
  loaded(table: string, rows: number, totalRows: number | null, done: boolean): void
  streaming(): void
  /** The log holds everything up to here, and the source was told. */
  durable(position: Position, changes: number): void
}

/**
 * Moves everything from a source into its log: first the loads that are due, then the stream, one batch at a time. The
 * source is told what it may forget only once the log has made it durable. Runs until drained, aborted or failed; a
 * unit that was not whole is dropped by the log at the next start and delivered again by the source.
 */
export async function ingest(source: Source, log: SourceLog, events: IngestEvents, work: Work): Promise<void> {
  const resume = await log.resume()
  const loads = await source.start(resume, work.drain)
  events.started(resume, loads)
  using room = untilNoRoom(log, work)
  work.running()
  for (const request of loads) {
    for await (const chunk of source.load(request, work.drain)) {
      await log.append(chunk.rows, room.signal)
      const { rows, totalRows, done } = chunk.progress
      events.loaded(chunk.table.name, rows, totalRows, done)
    }
  }
  events.streaming()
  let changes = 0
  const completer = new Completer(log, source)
  for await (const batch of source.changes(work.drain)) {
    changes += batch.count
    const parts = completer.parts(batch, room.signal)
    let appended: Awaited<ReturnType<SourceLog['append']>>
    if (parts === undefined) appended = await log.append(batch, room.signal)
    else for await (const part of parts) appended = await log.append(part, room.signal)
    if (appended?.position === undefined) continue
    source.ack(appended.position)
    events.durable(appended.position, changes)
    changes = 0
  }
}

const LOOK_MS = 100

/** Aborts with the work; from its drain on also where the log has no room, since that may stay so for ever. */
function untilNoRoom(log: SourceLog, { signal, drain }: Work): { readonly signal: AbortSignal } & Disposable {
  const noRoom = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const look = async (): Promise<void> => {
    if ((await log.stats()).full) noRoom.abort(drain.reason)
  }
  const watch = (): void => {
    timer = setInterval(() => look().catch(error => noRoom.abort(error)), LOOK_MS)
  }
  if (drain.aborted) watch()
  else drain.addEventListener('abort', watch, { once: true })
  return {
    signal: AbortSignal.any([signal, noRoom.signal]),
    [Symbol.dispose]() {
      drain.removeEventListener('abort', watch)
      clearInterval(timer)
    },
  }
}
