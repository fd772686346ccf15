import type { Cursor } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Documents, Place, StateDocument } from './documents.ts'

export interface RowDocument extends StateDocument {
  readonly kind: 'row'
  /** Id of the generation. */
  readonly generation: string
  readonly source: string
  readonly log: string
  /** Of everything that decides which documents there are and what they hold; another one: built anew. */
  readonly layout: string
  /** Up to here all is in the indexes; absent: they are to be built anew. */
  readonly cursor?: Cursor
  /** The cluster's own name of the index that this stood in when it was written. */
  readonly home: string
  readonly epoch: number
  readonly updatedAt: string
}

/** Which row: one source of one generation of one sink. */
export interface Owner {
  readonly sink: string
  readonly generation: string
  readonly source: string
}

const TAKE_ATTEMPTS = 20

export function rowId({ sink, generation, source }: Owner): string {
  return `${sink}:${generation}:${source}`
}

/**
 * The document that says up to where the indexes hold a source's changes. Every opening raises its epoch, and each change
 * is made only to the state that the one before left: another writer, a document that was removed or set back is noticed.
 */
export class CursorRow {
  readonly #documents: Documents
  readonly #server: string
  readonly #id: string
  /** The row came here with its index, from a snapshot of the cluster. */
  readonly isRestored: boolean
  #document: RowDocument
  #place: Place

  private constructor(
    documents: Documents,
    server: string,
    id: string,
    { document, place }: { readonly document: RowDocument; readonly place: Place },
    isRestored: boolean,
  ) {
    this.#documents = documents
    this.#server = server
    this.#id = id
    this.#document = document
    this.#place = place
    this.isRestored = isRestored
  }

  /** Takes the row over from whoever opened it before. A cursor of another log or layout is forgotten. */
  static async take(
    documents: Documents,
    server: string,
    owner: Owner,
    { logId, layout }: { readonly logId: string; readonly layout: string },
    signal: AbortSignal,
  ): Promise<CursorRow> {
    const id = rowId(owner)
    const home = await documents.identity(signal)
    for (let attempt = 1; attempt <= TAKE_ATTEMPTS; attempt++) {
      const found = await documents.get<RowDocument>(id, signal)
      const former = found?.document
      const cursor = former?.log === logId && former.layout === layout ? former.cursor : undefined
      const document: RowDocument = {
        kind: 'row',
        ...owner,
        log: logId,
        layout,
        ...(cursor === undefined ? {} : { cursor }),
        home,
        epoch: (former?.epoch ?? 0) + 1,
        updatedAt: new Date().toISOString(),
      }
      const place = await documents.put(id, document, found?.place, signal)
      const isRestored = former !== undefined && former.home !== home
      if (place !== undefined) return new CursorRow(documents, server, id, { document, place }, isRestored)
    }
    throw fenced(server)
  }

  get cursor(): Cursor | undefined {
    return this.#document.cursor
  }

  /** Undefined: nothing vouches for the indexes any more. Throws SINK_FENCED, SINK_RESTORED, and then it has not moved. */
  async move(cursor: Cursor | undefined, signal: AbortSignal): Promise<void> {
    const { cursor: _, ...rest } = this.#document
    await this.#put(
      { ...rest, ...(cursor === undefined ? {} : { cursor }), updatedAt: new Date().toISOString() },
      signal,
    )
  }

  /** Throws as `move` does if the row is not ours any more. */
  async check(signal: AbortSignal): Promise<void> {
    const found = await this.#documents.get<RowDocument>(this.#id, signal)
    if (found?.place.seqNo !== this.#place.seqNo || found.place.primaryTerm !== this.#place.primaryTerm)
      throw lostRow(this.#server, found, this.#document)
  }

  async #put(document: RowDocument, signal: AbortSignal): Promise<void> {
    const place = await this.#documents.put(this.#id, document, this.#place, signal)
    if (place === undefined) throw lostRow(this.#server, await this.#documents.get(this.#id, signal), this.#document)
    this.#document = document
    this.#place = place
  }
}

function lostRow(
  server: string,
  found: { readonly document: RowDocument } | undefined,
  ours: RowDocument,
): TailraceError {
  if (found !== undefined && found.document.epoch > ours.epoch) return fenced(server)
  const what = found === undefined ? 'removed' : 'set back'
  return new TailraceError('SINK_RESTORED', 'retry', `The cursor at ${server} was ${what}.`, {
    hint: 'The sink goes on from what the indexes now hold; if there is no cursor, it is built anew.',
  })
}

export function fenced(server: string): TailraceError {
  return new TailraceError('SINK_FENCED', 'stop', `Another process writes to the indexes at ${server}.`, {
    hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
  })
}
