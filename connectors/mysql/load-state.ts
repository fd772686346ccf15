import { z } from 'zod'

/** `LoadProgress.state`: what of a table is still to be read, so that a later attempt reads that (R4.6). */

/**
 * A part of a table, by the values of its first key column, a whole number: from `from` up to `to`; null: without a bound.
 * `at`: everything of it before this key, in canonical bytes and base64, is read.
 */
export interface Segment {
  readonly from: string | null
  readonly to: string | null
  readonly at?: string | undefined
}

export const WHOLE: Segment = { from: null, to: null }

export interface LoadState {
  /** Id of the Table version that was read. Versions up to it had been numbered. */
  readonly table: number
  readonly left: readonly Segment[]
}

const VERSION = 1

const segment = z.object({ from: z.string().nullable(), to: z.string().nullable(), at: z.string().optional() })
const stateForm = z.object({ v: z.literal(VERSION), table: z.int(), left: z.array(segment) })

export function formatLoadState(state: LoadState): string {
  return JSON.stringify({ v: VERSION, ...state })
}

/** Undefined for what another version wrote, and for loads that are not of a whole table: nothing of it counts. */
export function parseLoadState(text: string): LoadState | undefined {
  if (!text.startsWith('{')) return undefined
  const { data } = stateForm.safeParse(JSON.parse(text))
  return data === undefined ? undefined : { table: data.table, left: data.left }
}
