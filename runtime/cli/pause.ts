import { act, type PartOptions } from './act.ts'
import type { Context } from './context.ts'

/** Pauses a source or a sink of the running process; it stays paused over restarts. */
export function pause(context: Context, options: PartOptions): Promise<number> {
  return act(context, 'pause', options)
}
