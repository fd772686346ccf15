import type { Resume, StartOptions } from '../../runtime/contract.ts'
import { isImpassable } from '../../runtime/resynced.ts'
import { begin } from '../common/begin.ts'
import { captureTables } from './catalog.ts'
import { firstStart, streamBegin } from './first-start.ts'
import { requireLogged } from './logged-tables.ts'
import { requirePrerequisites } from './prerequisites.ts'
import { nextLineage, resumeFirstLoad, resumeStart, storedPosition } from './resume-start.ts'
import { serverFacts } from './server-facts.ts'
import { identityOf, passes, type Start, type StartRequest, tablesOf } from './start.ts'

/** As common/begin.ts says. */
export async function beginMysql(
  request: StartRequest,
  from: Resume | undefined,
  { resync, failed }: StartOptions,
  signal: AbortSignal,
): Promise<Start> {
  const { context } = request
  const anew = (): Promise<Start> => resyncStart(request, from!, signal)
  const stream = from?.stream
  // The server has what follows, but the stream would end there again.
  if (stream !== undefined && resync && isImpassable(failed)) return await anew()
  const ways = {
    resume:
      stream === undefined
        ? undefined
        : async () => await resumeStart(request, from!, storedPosition(stream, context.name), signal),
    compared: (start: Start): Start => ({ ...start, loads: passes(start.captured) }),
    resumeLoad: async () => (from === undefined ? undefined : await resumeFirstLoad(request, from, signal)),
    first: () => firstStart(request, from, signal),
    anew,
  }
  return await begin(ways, resync, context.logger)
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
  const cascades = await sql.use(client => requireLogged(client, facts, config, tablesOf(captured)), signal)
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
    cascades,
    position: { flavor: facts.flavor, server: facts.serverId, ...place, prepared: [] },
    identity: identityOf(facts, nextLineage(from)),
    loads: passes(captured),
    readers: undefined,
  }
}
