import type { Logger } from 'pino'
import { errorMessage } from '../../runtime/errors.ts'
import { isResynced } from '../../runtime/resynced.ts'

/** The ways in which a source can start. Each throws why it cannot be gone. */
export interface Ways<S> {
  /** The log goes on where it stands; undefined: it has no stream yet. */
  readonly resume: (() => Promise<S>) | undefined
  /** The same, and every table is compared. */
  readonly compared: (start: S) => S
  /** A first load that was interrupted goes on; answers undefined where nothing of it counts. */
  readonly resumeLoad: () => Promise<S | undefined>
  /** Everything from the beginning. */
  readonly first: () => Promise<S>
  /** A new stream in place of one that cannot go on, and every table is compared. */
  readonly anew: () => Promise<S>
}

/**
 * Begins, or goes on where the log stands. `isResync`: where that is not possible a new stream begins, and every table is
 * read again in any case.
 */
export async function begin<S>(ways: Ways<S>, isResync: boolean, logger: Logger): Promise<S> {
  const mayReplace = (error: unknown): boolean => {
    if (!isResync || !isResynced(error)) return false
    logger.warn({ reason: errorMessage(error) }, 'a new stream begins')
    return true
  }
  if (ways.resume !== undefined) {
    try {
      const start = await ways.resume()
      return isResync ? ways.compared(start) : start
    } catch (error) {
      if (!mayReplace(error)) throw error
      return await ways.anew()
    }
  }
  try {
    const goesOn = await ways.resumeLoad()
    if (goesOn !== undefined) return goesOn
  } catch (error) {
    if (!mayReplace(error)) throw error
  }
  return await ways.first()
}
