import { randomBytes } from 'node:crypto'
import type { Generation, SinkContext } from '../../runtime/contract.ts'
import type { Documents, Found, StateDocument } from './documents.ts'

/** Which generation of a sink is which, by their ids. Rows and tables of a generation are kept under its id. */
export interface HeadDocument extends StateDocument {
  readonly kind: 'sink'
  readonly live?: string
  readonly next?: string
  readonly previous?: string
  /** Aliases are on their way to the live generation; whoever opens it next moves them all. */
  readonly moving?: boolean
}

export type Which = Generation | undefined

const ATTEMPTS = 20

export function sinkId({ pipeline, name }: SinkContext): string {
  return `${pipeline}:${name}`
}

/** The field of a generation. */
export function fieldOf(which: Which): 'live' | Generation {
  return which ?? 'live'
}

export async function readHead(documents: Documents, sink: string, signal: AbortSignal): Promise<HeadDocument> {
  return (await documents.get<HeadDocument>(sink, signal))?.document ?? { kind: 'sink', sink }
}

/** Replaces the head by what `change` makes of it; undefined: it stays. Answers how it is then. */
export async function changeHead(
  documents: Documents,
  sink: string,
  change: (head: HeadDocument) => HeadDocument | undefined,
  signal: AbortSignal,
): Promise<HeadDocument> {
  for (let attempt = 1; ; attempt++) {
    const found: Found<HeadDocument> | undefined = await documents.get<HeadDocument>(sink, signal)
    const head = found?.document ?? { kind: 'sink', sink }
    const changed = change(head)
    if (changed === undefined) return head
    if ((await documents.put(sink, changed, found?.place, signal)) !== undefined) return changed
    if (attempt === ATTEMPTS) throw new Error(`the state of ${sink} is changed by others all the time`)
  }
}

/** The id of a generation, which begins here if there is none. */
export async function generationOf(
  documents: Documents,
  sink: string,
  which: Which,
  signal: AbortSignal,
): Promise<string> {
  const field = fieldOf(which)
  const begin = (head: HeadDocument): HeadDocument | undefined =>
    head[field] === undefined ? { ...head, [field]: randomBytes(4).toString('hex') } : undefined
  return (await changeHead(documents, sink, begin, signal))[field]!
}
