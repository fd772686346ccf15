import { act, type PartOptions } from './act.ts'
import type { Context } from './context.ts'

/** Resumes a paused part of the running process, or starts a failed one again. */
export function resume(context: Context, options: PartOptions): Promise<number> {
  return act(context, 'resume', options)
}
