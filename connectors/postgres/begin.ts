import type { Resume } from '../../runtime/contract.ts'
import { errorMessage } from '../../runtime/errors.ts'
import { isResynced } from '../../runtime/resynced.ts'
import { firstStart } from './first-start.ts'
import { parseLsn } from './position.ts'
import { resumeFirstLoad, resumeStart } from './resume-start.ts'
import { passes, resyncStart } from './resync-start.ts'
import type { Start, StartRequest } from './start.ts'

/**
 * Begins, or goes on where the log stands. `isResync`: where that is not possible a new stream begins, and every table is
 * read again in any case.
 */
export async function begin(
  request: StartRequest,
  from: Resume | undefined,
  isResync: boolean,
  signal: AbortSignal,
): Promise<Start> {
  const mayReplace = (error: unknown): boolean => {
    if (!isResync || !isResynced(error)) return false
    request.context.logger.warn({ reason: errorMessage(error) }, 'a new stream begins')
    return true
  }
  if (from?.stream !== undefined) {
    try {
      const start = await resumeStart(request, from, parseLsn(from.stream), signal)
      return isResync ? { ...start, loads: passes(start.captured) } : start
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
