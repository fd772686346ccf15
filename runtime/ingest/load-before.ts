import { Bell } from '../abort.ts'
import type { Chunk, LoadProgress, LoadRequest, Source } from '../contract.ts'
import { joinedUnit } from '../record/joined.ts'
import type { LogWriter } from './log-writer.ts'

/** Tables that are read at the same time: neither the source waits for the disk then, nor the disk for the source. */
const AT_ONCE = 16
/** Chunks that have come share a unit up to this size: small tables would else cost a sync of the log each. */
const UNIT_BYTES = 256 * 1024

export interface LoadBeforePlace {
  readonly source: Source
  readonly writer: LogWriter
  /** Rows of a table are durable. */
  readonly loaded: (table: string, rows: number, totalRows: number | null, done: boolean) => void
}

/** A load under way: its next chunk has been asked for. */
interface Reading {
  readonly request: LoadRequest
  readonly chunks: AsyncIterator<Chunk>
  /** Once it has come; `done`: there was none. */
  step: IteratorResult<Chunk, unknown> | undefined
  last: LoadProgress | undefined
}

/**
 * Reads tables under the snapshot of the start; nothing is in the log that could be newer. Answers what is left to be read
 * beside the stream.
 */
export async function loadBefore(
  requests: readonly LoadRequest[],
  { source, writer, loaded }: LoadBeforePlace,
  drain: AbortSignal,
): Promise<LoadRequest[]> {
  const ending = new AbortController()
  const signal = AbortSignal.any([drain, ending.signal])
  const readings = new Set<Reading>()
  const bell = new Bell()
  const rest: LoadRequest[] = []
  let failure: { readonly error: unknown } | undefined
  const ask = (reading: Reading): void => {
    reading.step = undefined
    reading.chunks
      .next()
      .then(
        step => {
          reading.step = step
        },
        error => {
          failure ??= { error }
        },
      )
      .finally(() => bell.ring())
  }
  let next = 0
  let most = 1
  try {
    while (next < requests.length || readings.size > 0) {
      while (readings.size < most && next < requests.length) {
        const request = requests[next++]!
        const chunks = source.load(request, signal)[Symbol.asyncIterator]()
        const reading = { request, chunks, step: undefined, last: undefined }
        readings.add(reading)
        ask(reading)
      }
      const rung = bell.wait(drain)
      rung.catch(() => {})
      if (failure !== undefined) throw failure.error
      const unit = unitOf(readings)
      if (unit.length > 0) {
        await writer.unit(unit.length === 1 ? unit[0]!.chunk.rows : joinedUnit(unit.map(({ chunk }) => chunk.rows)))
        // The first has made all tables known.
        most = AT_ONCE
        for (const { reading, chunk } of unit) {
          const { progress, table } = chunk
          reading.last = progress
          loaded(table.name, progress.rows, progress.totalRows, progress.done)
          ask(reading)
        }
      }
      const ended = [...readings].filter(({ step }) => step?.done === true)
      for (const reading of ended) {
        readings.delete(reading)
        rest.push(...restOf(reading))
      }
      if (unit.length === 0 && ended.length === 0) await rung
    }
    return rest
  } finally {
    ending.abort(new Error('the loads before the stream have ended'))
    await Promise.allSettled([...readings].map(({ chunks }) => chunks.return?.()))
  }
}

/** Chunks that have come, as many as fit into one unit. */
function unitOf(readings: Iterable<Reading>): { readonly reading: Reading; readonly chunk: Chunk }[] {
  const unit = []
  let bytes = 0
  for (const reading of readings) {
    if (reading.step === undefined || reading.step.done === true) continue
    const chunk = reading.step.value
    const size = chunk.rows.bytes.length
    if (unit.length > 0 && bytes + size > UNIT_BYTES) continue
    unit.push({ reading, chunk })
    bytes += size
  }
  return unit
}

function restOf({ request, last }: Reading): LoadRequest[] {
  if (last?.done === true) return []
  const rest = { ...request, beside: true, restart: false }
  return [last === undefined ? rest : { ...rest, resume: last }]
}
