import type { Generation, SinkContext } from './contract.ts'

/** How what belongs to a generation is told from what is live, the same in all sinks. */

/** The name under which a sink keeps its cursors and its list of tables. No sink can be named like that. */
export function generationOwner(sink: string, generation: Generation | undefined): string {
  return generation === undefined ? sink : `${sink}~${generation}`
}

/** What the names of tables and keys of a generation begin with; that of the live one begins with nothing. */
export function generationPrefix({ generation }: Pick<SinkContext, 'generation'>): string {
  return generation === undefined ? '' : `_tailrace_${generation}_`
}
