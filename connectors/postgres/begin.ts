import type { Resume } from '../../runtime/contract.ts'
import { begin } from '../common/begin.ts'
import { firstStart } from './first-start.ts'
import { parseLsn } from './position.ts'
import { resumeFirstLoad, resumeStart } from './resume-start.ts'
import { passes, resyncStart } from './resync-start.ts'
import type { Start, StartRequest } from './start.ts'

/** As common/begin.ts says. */
export async function beginPostgres(
  request: StartRequest,
  from: Resume | undefined,
  isResync: boolean,
  signal: AbortSignal,
): Promise<Start> {
  const stream = from?.stream
  const ways = {
    resume: stream === undefined ? undefined : () => resumeStart(request, from!, parseLsn(stream), signal),
    compared: (start: Start): Start => ({ ...start, loads: passes(start.captured) }),
    resumeLoad: async () => (from === undefined ? undefined : await resumeFirstLoad(request, from, signal)),
    first: () => firstStart(request, from, signal),
    anew: () => resyncStart(request, from!, signal),
  }
  return await begin(ways, isResync, request.context.logger)
}
