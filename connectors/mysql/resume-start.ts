import type { LoadProgress, LoadRequest, Resume, Table } from '../../runtime/contract.ts'
import { isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { requireMergeKey } from '../common/merge-key.ts'
import { nameOf } from '../common/selection.ts'
import { type Captured, surveyTables } from './catalog.ts'
import { isMarkedStale, originOf } from './definition.ts'
import { fileBegun } from './file-begun.ts'
import { checkBegun, checkLineage } from './lineage.ts'
import { parseLoadState } from './load-state.ts'
import { requireLogged } from './logged-tables.ts'
import { type BinlogPlace, type BinlogPosition, parsePosition } from './position.ts'
import { requirePrerequisites } from './prerequisites.ts'
import { FILE_BEGIN } from './read-view.ts'
import { type ServerFacts, serverFacts } from './server-facts.ts'
import { identityOf, loadRequest, type Start, type StartRequest, tablesOf } from './start.ts'
import { requirePrepared } from './xa/prepared.ts'

export const REREAD = 'rows are not what the log has: the table is read again'
export const UNREAD = 'rows are missing: a table without a key is not read again'

/**
 * A log goes on behind `position`. What is not read of the tables, or changed without events, comes as loads beside the
 * stream. Throws the codes of lineage.ts and of the catalog, and XA_LOST.
 */
export async function resumeStart(
  request: StartRequest,
  from: Resume,
  position: BinlogPosition,
  signal: AbortSignal,
): Promise<Start> {
  const { context, sql } = request
  const facts = await sql.use(serverFacts, signal)
  requirePrerequisites(facts)
  const { isOther } = await sql.use(
    client => checkLineage(client, facts, from.identity, position, context.name),
    signal,
  )
  if (!isOther && position.begun !== undefined)
    checkBegun(position, await fileBegun(request, position.file, signal), context.name)
  await requirePrepared(context.folder, position.prepared)
  const captured = await captureAgain(request, facts, from, signal)
  const cascades = await sql.use(client => requireLogged(client, facts, request.config, tablesOf(captured)), signal)
  if (isOther) context.logger.warn({ server: facts.serverId }, 'the stream goes on from another server, by GTIDs')
  const { point } = from.identity
  return {
    isFirst: from.stream === undefined,
    isReplacing: false,
    facts,
    captured,
    cascades,
    position: isOther ? { ...position, server: facts.serverId, ...(await firstPlace(request, signal)) } : position,
    identity: {
      ...identityOf(facts, isOther ? nextLineage(from) : from.identity),
      ...(point === undefined ? {} : { point }),
    },
    loads: unfinished(request, captured, from),
    readers: undefined,
  }
}

async function captureAgain(
  { config, context, sql, numbering }: StartRequest,
  facts: ServerFacts,
  from: Resume,
  signal: AbortSignal,
): Promise<Captured[]> {
  const place = { config, numbering, flavor: facts.flavor }
  const { tables, problems } = await sql.use(client => surveyTables(client, place), signal)
  const known = from.tables.map(nameOf)
  for (const problem of problems) {
    const isGone = problem.code === 'TABLE_MISSING' && known.some(name => problem.message.includes(` ${name}.`))
    if (!isGone) throw problem
    context.logger.warn({ code: problem.code }, problem.message)
  }
  return tables.map(({ captured }) => {
    if (isTailraceError(captured)) throw captured
    if (captured.lost !== undefined) throw captured.lost
    return captured
  })
}

/** Of another server the files of the former mean nothing: all that is certain is where its own begin. */
async function firstPlace({ sql }: StartRequest, signal: AbortSignal): Promise<BinlogPlace> {
  const [first] = await sql.use(client => client.query('SHOW BINARY LOGS'), signal)
  return { file: first![0]!, offset: FILE_BEGIN, begun: undefined }
}

/** Numbers of transactions mean something else from here on, and every fence sees those of before. */
export function nextLineage({ identity }: Resume): Resume['identity'] {
  return { ...identity, lineage: String(BigInt(identity.lineage ?? '0') + 1n) }
}

/** A first load that was interrupted goes on as long as its stream can begin where it was to. Undefined if it cannot. */
export async function resumeFirstLoad(
  request: StartRequest,
  from: Resume,
  signal: AbortSignal,
): Promise<Start | undefined> {
  const { point } = from.identity
  if (point === undefined) return undefined
  try {
    return await resumeStart(request, from, parsePosition(point), signal)
  } catch (error) {
    if (!isTailraceError(error) || !BEGIN_ANEW.has(error.code)) throw error
    request.context.logger.warn({ reason: error.message }, 'the first load that was interrupted begins anew')
    return undefined
  }
}

const BEGIN_ANEW = new Set(['LOAD_KEYLESS', 'MASK_LOST', 'SOURCE_PURGED'])

/** What is not read of each table, or must be read again. Throws LOAD_KEYLESS if that cannot be read any more. */
function unfinished({ config, context }: StartRequest, captured: readonly Captured[], from: Resume): LoadRequest[] {
  const requests: LoadRequest[] = []
  for (const one of captured) {
    const { table } = one
    const progress = from.loads.get(table.name)
    const known = from.tables.filter(({ name }) => name === table.name)
    const stale = known.length === 0 ? undefined : staleAtStart(table, known, progress)
    if (stale === undefined && (progress?.done || config.snapshot === 'never')) continue
    if (table.key.length === 0 && from.stream !== undefined) {
      const reason = stale ?? 'the stream began before it was read'
      context.logger.warn({ table: table.name, reason }, UNREAD)
      continue
    }
    requireMergeKey(table)
    if (stale !== undefined) context.logger.warn({ table: table.name, reason: stale }, REREAD)
    const isResumed = progress !== undefined && !progress.done
    const isBorn = table.incarnation > 1 && known.every(({ incarnation }) => incarnation < table.incarnation)
    const sweep = (stale !== undefined && !isBorn) || (isResumed && progress.pass !== undefined)
    requests.push({
      ...loadRequest(one, true),
      ...(isResumed ? { resume: progress } : {}),
      ...(sweep ? { sweep } : {}),
    })
  }
  return requests
}

/** Why the log's rows of the table are not what they are, and no event will mend it. */
function staleAtStart(table: Table, known: readonly Table[], lane: LoadProgress | undefined): string | undefined {
  const read = parseLoadState(lane?.state ?? '')?.table ?? 0
  const own = [...known, table].filter(({ incarnation }) => incarnation === table.incarnation)
  const marked = own.find(one => one.id > read && isMarkedStale(one))
  return marked === undefined ? undefined : originOf(marked).stale
}

/** Of a position in the log of this server. Throws SOURCE_POSITION. */
export function storedPosition(stream: string, source: string): BinlogPosition {
  try {
    return parsePosition(stream)
  } catch (cause) {
    throw new TailraceError('SOURCE_REPLACED', 'stop', `The log of ${source} was not fed from MySQL or MariaDB.`, {
      hint: 'Give the source another name, or the log another folder.',
      cause,
    })
  }
}
