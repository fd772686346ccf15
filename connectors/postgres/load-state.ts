import { z } from 'zod'
import type { LeafFile } from './catalog-rows.ts'

/** `LoadProgress.state`: what of a table is read, so that a later attempt reads the rest (R4.6). */

/** Pages from the first up to the second, or to the end. */
export type Pages = readonly [from: number, to: number | null]

/** The pages of one leaf that are done, ascending, none touching the next. They count while its file is the same. */
export interface LeafPages {
  readonly oid: number
  readonly file: string
  readonly pages: readonly Pages[]
}

export interface LoadState {
  /** Fingerprint of the columns: with others nothing counts. */
  readonly attributes: string
  readonly leaves: readonly LeafPages[]
  /** In key order: everything before this key (canonical bytes in base64) is done. */
  readonly key?: string | undefined
  /** Of a first load: the slot whose snapshot it is read under, and that slot's consistent point. */
  readonly slot?: string | undefined
  readonly point?: string | undefined
  /** Id of the Table version that was read, and the files of the leaves then (stale.ts). */
  readonly table?: number | undefined
  readonly files?: readonly LeafFile[] | undefined
}

const VERSION = 1

const pages = z.tuple([z.int().min(0), z.int().min(0).nullable()])
const stateForm = z.object({
  v: z.literal(VERSION),
  attributes: z.string(),
  leaves: z.array(z.object({ oid: z.int(), file: z.string(), pages: z.array(pages) })),
  key: z.string().optional(),
  slot: z.string().optional(),
  point: z.string().optional(),
  table: z.int().optional(),
  files: z.array(z.tuple([z.int(), z.string(), z.string().optional()])).optional(),
})

export function formatLoadState(state: LoadState): string {
  return JSON.stringify({ v: VERSION, ...state })
}

/** Undefined for what another version wrote, and for loads that are not of a whole table: nothing of it counts. */
export function parseLoadState(text: string): LoadState | undefined {
  if (!text.startsWith('{')) return undefined
  const { data } = stateForm.safeParse(JSON.parse(text))
  if (data === undefined) return undefined
  const { v: _, ...state } = data
  return state
}

/** With one more run of pages. */
export function addPages(done: readonly Pages[], [from, to]: Pages): Pages[] {
  if (to !== null && to <= from) return [...done]
  const joined: Pages[] = []
  let run: Pages = [from, to]
  for (const other of done) {
    if (isBefore(other, run) || isBefore(run, other)) joined.push(other)
    else run = [Math.min(run[0], other[0]), run[1] === null || other[1] === null ? null : Math.max(run[1], other[1])]
  }
  return [...joined, run].sort(([a], [b]) => a - b)
}

function isBefore([, end]: Pages, [from]: Pages): boolean {
  return end !== null && end < from
}

/** What is left, ascending. Pages without an end are all that may be there. */
export function missingPages(done: readonly Pages[]): Pages[] {
  const missing: Pages[] = []
  let from: number | null = 0
  for (const [start, end] of done) {
    if (from !== null && start > from) missing.push([from, start])
    from = end
    if (end === null) break
  }
  if (from !== null) missing.push([from, null])
  return missing
}
