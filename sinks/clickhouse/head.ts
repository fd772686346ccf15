import { randomBytes } from 'node:crypto'
import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { fenced } from './cursor-row.ts'
import type { DocumentId, State } from './state.ts'

/** Which generation of a sink is which, by their ids. Rows and tables of a generation are kept under its id. */
export interface Head {
  readonly live?: string
  readonly next?: string
  readonly previous?: string
  /** Tables are on their way to where their generation has them; whoever opens the sink next moves them all. */
  readonly moving?: boolean
}

export type Which = Generation | undefined

export function sinkId({ pipeline, name }: Pick<SinkContext, 'pipeline' | 'name'>): string {
  return `${pipeline}:${name}`
}

/** The field of a generation. */
export function fieldOf(which: Which): 'live' | Generation {
  return which ?? 'live'
}

export function headId(sink: string): DocumentId {
  return { sink, generation: '', source: '', name: '' }
}

export async function readHead(state: State, sink: string, signal: AbortSignal): Promise<Head> {
  return (await state.get<Head>(headId(sink), signal)) ?? {}
}

/**
 * Replaces the head by what `change` makes of it; undefined: it stays. Answers how it is then. Throws SINK_FENCED where
 * another process changes it at the same time.
 */
export async function changeHead(
  state: State,
  server: string,
  sink: string,
  change: (head: Head) => Head | undefined,
  signal: AbortSignal,
): Promise<Head> {
  const found = await state.last<Head>(headId(sink), signal)
  const head = found?.isRemoved === false ? found.document : {}
  const changed = change(head)
  if (changed === undefined) return head
  const revision = (found?.revision ?? 0n) + 1n
  await state.put(headId(sink), changed, revision, signal)
  if (!state.isOurs(await state.last(headId(sink), signal), revision)) throw fenced(server)
  return changed
}

/** The id of a generation, which begins here if there is none. */
export async function generationOf(
  state: State,
  server: string,
  sink: string,
  which: Which,
  signal: AbortSignal,
): Promise<string> {
  const field = fieldOf(which)
  const begin = (head: Head): Head | undefined =>
    head[field] === undefined ? { ...head, [field]: randomBytes(4).toString('hex') } : undefined
  return (await changeHead(state, server, sink, begin, signal))[field]!
}
