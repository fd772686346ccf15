import { randomBytes } from 'node:crypto'
import { sleep } from '../abort.ts'
import type { Chunk, LoadProgress, LoadRequest, Pass, Source, SourceLog, Table } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { BatchWriter } from '../record/writer.ts'
import { known } from '../supervisor.ts'
import type { Held } from './held.ts'
import type { LogWriter } from './log-writer.ts'
import type { Merger } from './merge.ts'
import { RowlessKeys } from './rowless-keys.ts'
import type { StreamPosition } from './stream-position.ts'
import { sweep } from './sweep.ts'

/** Before rows are read again whose commit was not visible yet. */
const UNSEEN_MS = 200

/** A log that knows its rows by key, which loads beside the stream need. */
export type KeyedLog = SourceLog & Required<Pick<SourceLog, 'states' | 'newest'>>

export interface LoadPlace {
  readonly source: Source
  readonly log: KeyedLog
  readonly writer: LogWriter
  readonly merger: Merger
  readonly position: StreamPosition
  readonly held: Held
}

/** A load of a whole table on its way. */
export interface Load {
  request: LoadRequest
  /** The last that is durable; its `state` is empty until a chunk was merged. */
  progress: LoadProgress
}

/** What a lane says before the first chunk. */
export function unread({ estimatedRows }: LoadRequest, pass?: Pass): LoadProgress {
  const progress = { done: false, rows: 0, totalRows: estimatedRows, state: '' }
  return pass === undefined ? progress : { ...progress, pass }
}

/**
 * Makes it durable that the table is to be loaded, with a new pass where it is to be swept: a crash from here on leaves
 * a load that the next start takes up.
 */
export async function beginLoad(load: Load, { log, writer }: LoadPlace, isUnlimited: boolean): Promise<void> {
  const { table, sweep: isSwept } = load.request
  let pass: Pass | undefined
  if (isSwept === true) {
    const id = randomBytes(8).toString('hex')
    const since = await passesOf(log).begin(table, id)
    pass = { id, since: String(since), ...(isUnlimited ? { isUnlimited } : {}) }
  }
  const progress = unread(load.request, pass)
  const lane = new BatchWriter()
  await writer.unit(lane.take({ lane: `load:${table.name}`, progress }))
  load.progress = progress
}

/**
 * Reads the table beside the stream, merges each chunk once the stream has passed its fence, and sweeps. Answers the
 * error that the load itself ended with, as far as it has come being durable; throws what ends all ingest, and the
 * reason of `signal`.
 */
export async function runLoad(load: Load, place: LoadPlace, signal: AbortSignal): Promise<TailraceError | undefined> {
  const { table, sweep: isSwept } = load.request
  const { log, writer } = place
  try {
    const lost = load.progress.pass
    if (isSwept === true && (lost === undefined || !(await passesOf(log).has(table, lost.id))))
      await beginLoad(load, place, lost?.isUnlimited === true)
    while (load.progress.pass?.isRead !== true && !(await readAll(load, place, signal))) await sleep(UNSEEN_MS, signal)
    const { pass } = load.progress
    if (pass === undefined) return undefined
    if (pass.fence === undefined) throw new LoadFailure(notEnded(table.name))
    const passes = passesOf(log)
    const swept = { table, pass: { ...pass, fence: pass.fence }, progress: load.progress }
    const error = await sweep(swept, { ...place, passes }, signal)
    if (error !== undefined) return error
    const { pass: _, ...progress } = load.progress
    const end = new BatchWriter()
    await writer.unit(end.take({ lane: `load:${table.name}`, progress: { ...progress, done: true } }))
    await passes.end(table, pass.id)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof LoadFailure) return known(error.cause)
    throw error
  }
}

/**
 * False: a pass came to rows that the stream has brought and that are not visible yet. They are to be read again, once
 * they are: what the log holds of them may be of before a gap.
 */
async function readAll(load: Load, place: LoadPlace, signal: AbortSignal): Promise<boolean> {
  const { table } = load.request
  let isDone = false
  for await (const chunk of chunks(resumed(load), place, signal)) {
    isDone = chunk.progress.done
    // Kept also if the chunk is read again: what comes meanwhile is waited for no more.
    load.progress = await begun(load.progress, chunk, place)
    const progress = progressOf(chunk, load.progress.pass)
    if (!(await mergeChunk(chunk, progress, progress.pass?.id, place, signal))) return false
    load.progress = progress
  }
  if (!isDone) throw new LoadFailure(notEnded(table.name))
  return true
}

/**
 * Reads the rows of these keys and merges them; of a repair (`request.repair`) also what the log has already, and deletes
 * of keys without a row. The lane's progress stays what it is. Answers and throws as `runLoad`.
 */
export async function runKeys(
  request: LoadRequest,
  place: LoadPlace,
  signal: AbortSignal,
): Promise<TailraceError | undefined> {
  const { table, scope, repair: isRepair } = request
  const { writer, log, source } = place
  const rowless = isRepair === true && scope.kind === 'keys' ? new RowlessKeys(scope.keys) : undefined
  const progress = writer.lane(table.name) ?? { done: true, rows: 0, totalRows: null, state: '' }
  try {
    for await (const chunk of chunks(request, place, signal)) {
      rowless?.came(chunk)
      await mergeChunk(chunk, progress, undefined, place, signal, isRepair)
    }
    const deletes = () => rowless?.deletes(log, source.sees.bind(source), progress, writer.lineageFrom)
    if (rowless !== undefined)
      await writer.merged(
        table,
        async () => {},
        async () => deletes(),
        signal,
      )
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof LoadFailure) return known(error.cause)
    throw error
  }
}

/** False, with nothing appended: as `Merger.unit` says of a pass. */
async function mergeChunk(
  chunk: Chunk,
  progress: LoadProgress,
  pass: string | undefined,
  { log, writer, merger }: LoadPlace,
  signal: AbortSignal,
  isRepair = false,
): Promise<boolean> {
  let isMerged = false
  await writer.merged(
    chunk.table,
    () => merger.look(chunk, pass),
    async (states, touched) => {
      if (isSuperseded(chunk.table, log)) throw new LoadFailure(superseded(chunk.table.name))
      const doubt = writer.doubt(chunk.table.name)
      const unit = await merger.unit(chunk, progress, states, touched, writer.lineageFrom, { isRepair, doubt })
      isMerged = unit !== undefined
      return unit
    },
    signal,
  )
  return isMerged
}

/** The chunks, each once the stream has passed its fence; the next is read when it was dealt with. */
async function* chunks(
  request: LoadRequest,
  { source, held, position }: LoadPlace,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  const reading = source.load(request, signal)[Symbol.asyncIterator]()
  try {
    for (;;) {
      await held.room(signal)
      const step = await reading.next().catch(cause => {
        throw new LoadFailure(cause)
      })
      if (step.done === true) return
      using _ = held.take(step.value.rows.bytes.length)
      await position.passed(step.value.fence.high, signal)
      yield step.value
    }
  } finally {
    await reading.return?.()
  }
}

function resumed({ request, progress }: Load): LoadRequest {
  const { resume: _, ...rest } = request
  return progress.state === '' ? rest : { ...rest, resume: progress }
}

/** A pass is done when it has swept. */
function progressOf({ progress }: Chunk, pass: Pass | undefined): LoadProgress {
  if (pass === undefined) return progress
  return { ...progress, done: false, pass: progress.done ? { ...pass, isRead: true } : pass }
}

/** With its first chunk a pass has its fence, which the stream has passed; at the first since a start doubt begins anew. */
async function begun(progress: LoadProgress, chunk: Chunk, { log, writer }: LoadPlace): Promise<LoadProgress> {
  const { pass } = progress
  const { table, fence } = chunk
  if (pass === undefined || writer.doubt(table.name)?.pass === pass.id) return progress
  const { until } = await writer.beginDoubt(table.name, pass, fence, () => passesOf(log).newest())
  return pass.fence === undefined ? { ...progress, pass: { ...pass, fence, since: String(until) } } : progress
}

function passesOf({ passes }: SourceLog): NonNullable<SourceLog['passes']> {
  if (passes !== undefined) return passes
  throw new LoadFailure(lookupUnsupported())
}

export function lookupUnsupported(): TailraceError {
  return new TailraceError('LOOKUP_UNSUPPORTED', 'stop', 'This log does not look rows up by key.', {
    hint: 'Loads beside the stream need the embedded log.',
  })
}

/** The stream has brought another table of that name, or other keys, since the chunk was read. */
function isSuperseded({ name, incarnation }: Table, log: KeyedLog): boolean {
  return [...log.tables().values()].some(other => other.name === name && other.incarnation > incarnation)
}

function superseded(table: string): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `Another table has the name ${table} since it was read.`, {
    hint: 'Its load begins anew by itself.',
  })
}

function notEnded(table: string): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `The load of ${table} ended before it had read everything.`, {
    hint: 'It goes on by itself.',
  })
}

/** The source's own error, told from one of the log. */
class LoadFailure extends Error {
  constructor(cause: unknown) {
    super('a load failed', { cause })
  }
}
