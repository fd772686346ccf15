import type { Resume, StartOptions } from '../../runtime/contract.ts'
import { errorMessage } from '../../runtime/errors.ts'
import { isResynced } from '../../runtime/resynced.ts'
import { captureTables } from './catalog.ts'
import { firstStart, streamBegin } from './first-start.ts'
import { requireLogged } from './logged-tables.ts'
import { requirePrerequisites } from './prerequisites.ts'
import { nextLineage, resumeFirstLoad, resumeStart, storedPosition } from './resume-start.ts'
import { serverFacts } from './server-facts.ts'
import { identityOf, passes, type Start, type StartRequest, tablesOf } from './start.ts'

/** The server has what follows, but it cannot be followed: it would end the stream at the same place again. */
const IMPASSABLE: ReadonlySet<string> = new Set([
  'BINLOG_GENERATED',
  'BINLOG_INCIDENT',
  'BINLOG_METADATA',
  'BINLOG_ROLLBACK',
  'BINLOG_STATEMENT',
  'BINLOG_UNCOUNTED',
  'PARTIAL_JSON',
  'SOURCE_BINLOG',
])

/**
 * Begins, or goes on where the log stands. `resync`: where that is not possible a new stream begins, and every table is
 * read again in any case.
 */
export async function begin(
  request: StartRequest,
  from: Resume | undefined,
  { resync, failed = '' }: StartOptions,
  signal: AbortSignal,
): Promise<Start> {
  const mayReplace = (error: unknown): boolean => {
    if (!resync || !isResynced(error)) return false
    request.context.logger.warn({ reason: errorMessage(error) }, 'a new stream begins')
    return true
  }
  if (from?.stream !== undefined) {
    if (resync && IMPASSABLE.has(failed)) return await resyncStart(request, from, signal)
    try {
      const position = storedPosition(from.stream, request.context.name)
      const start = await resumeStart(request, from, position, signal)
      return resync ? { ...start, loads: passes(start.captured) } : start
    } catch (error) {
      if (!mayReplace(error)) throw error
      return await resyncStart(request, from, signal)
    }
  }
  try {
    const goesOn = from === undefined ? undefined : await resumeFirstLoad(request, from, signal)
    if (goesOn !== undefined) return goesOn
  } catch (error) {
    if (!mayReplace(error)) throw error
  }
  return await firstStart(request, from, signal)
}

/**
 * A log whose stream cannot go on gets a new one, from now on, and for every table a pass beside it, which appends what
 * differs (R6.4). It is a new lineage: nobody knows what happened in between, and every fence sees what the log has.
 */
async function resyncStart(request: StartRequest, from: Resume, signal: AbortSignal): Promise<Start> {
  const { config, context, sql, numbering } = request
  const facts = await sql.use(serverFacts, signal)
  requirePrerequisites(facts)
  const place = await sql.use(client => streamBegin(client, facts), signal)
  const captured = await sql.use(client => captureTables(client, { config, numbering, flavor: facts.flavor }), signal)
  await sql.use(client => requireLogged(client, facts, config, tablesOf(captured)), signal)
  const keyless = captured.filter(({ table }) => table.key.length === 0).map(({ table }) => table.name)
  if (keyless.length > 0)
    context.logger.warn(
      { tables: keyless },
      'tables without a key are not read: what was inserted meanwhile is missing',
    )
  return {
    isFirst: true,
    isReplacing: true,
    facts,
    captured,
    position: { flavor: facts.flavor, server: facts.serverId, ...place, prepared: [] },
    identity: identityOf(facts, nextLineage(from)),
    loads: passes(captured),
    readers: undefined,
  }
}
