import type { Cursor } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { DocumentId, Found, State } from './state.ts'

export interface RowDocument {
  readonly log: string
  /** Of everything that decides which tables there are and what they hold; another one: built anew. */
  readonly layout: string
  /** rows or changes. */
  readonly mode: string
  /** Up to here all is in the tables; absent: they are to be built anew. */
  readonly cursor?: Cursor
  /** The server's own name of the table that this stood in when it was written. */
  readonly home: string
  readonly updatedAt: string
}

/** Which row: one source of one generation of one sink, and the field of the head that names the generation. */
export interface Owner {
  readonly sink: string
  readonly generation: string
  readonly source: string
  readonly role: 'live' | 'next' | 'previous'
}

interface Taken {
  readonly document: RowDocument
  readonly revision: bigint
}

/** Revisions are an epoch, which each opening raises, and the moves of the one that it belongs to. */
const EPOCH = 1n << 32n
const TAKE_ATTEMPTS = 20

/**
 * The document that says up to where the tables hold a source's changes. Every opening raises its epoch, and what is of a
 * lower one does not count. Who is about to write reads it back, with the head: another writer, a generation that was
 * swapped, a document that was removed or set back is noticed.
 */
export class CursorRow {
  readonly #state: State
  readonly #server: string
  readonly #owner: Owner
  /** The row came here with its table, from a backup. */
  readonly isRestored: boolean
  #taken: Taken

  private constructor(state: State, server: string, owner: Owner, taken: Taken, isRestored: boolean) {
    this.#state = state
    this.#server = server
    this.#owner = owner
    this.#taken = taken
    this.isRestored = isRestored
  }

  /** Takes the row over from whoever opened it before. A cursor of another log or layout is forgotten. */
  static async take(
    state: State,
    server: string,
    owner: Owner,
    { logId, layout, mode }: { readonly logId: string; readonly layout: string; readonly mode: string },
    signal: AbortSignal,
  ): Promise<CursorRow> {
    const id = rowId(owner)
    const home = await state.identity(signal)
    for (let attempt = 1; attempt <= TAKE_ATTEMPTS; attempt++) {
      const former = await state.last<RowDocument>(id, signal)
      const known = former?.isRemoved === false ? former.document : undefined
      if (known !== undefined && known.mode !== mode && known.log === logId) throw modeChanged(known.mode, mode)
      const cursor = known?.log === logId && known.layout === layout ? known.cursor : undefined
      const document = {
        log: logId,
        layout,
        mode,
        ...(cursor === undefined ? {} : { cursor }),
        home,
        updatedAt: new Date().toISOString(),
      }
      const revision = ((former?.revision ?? 0n) / EPOCH + 1n) * EPOCH
      await state.put(id, document, revision, signal)
      const isRestored = known !== undefined && known.home !== home
      if (state.isOurs(await state.last(id, signal), revision))
        return new CursorRow(state, server, owner, { document, revision }, isRestored)
    }
    throw fenced(server)
  }

  get cursor(): Cursor | undefined {
    return this.#taken.document.cursor
  }

  /** Of a document that is written in its name. */
  get revision(): bigint {
    return this.#taken.revision
  }

  /**
   * Undefined: nothing vouches for the tables any more. Where another has taken the row over this counts for nothing, which
   * the next `check` tells.
   */
  async move(cursor: Cursor | undefined, signal: AbortSignal): Promise<void> {
    const { cursor: _, ...rest } = this.#taken.document
    const document = {
      ...rest,
      ...(cursor === undefined ? {} : { cursor }),
      updatedAt: new Date().toISOString(),
    }
    const revision = this.#taken.revision + 1n
    await this.#state.put(rowId(this.#owner), document, revision, signal)
    this.#taken = { document, revision }
  }

  /** Throws SINK_FENCED, SINK_RESTORED if the row is not ours any more. */
  async check(signal: AbortSignal): Promise<void> {
    const { sink, generation, source, role } = this.#owner
    const documents = await this.#state.find<Readonly<Record<string, unknown>>>({ sink, name: '' }, signal)
    const head = documents.find(({ id }) => id.generation === '')
    const row = documents.find(({ id }) => id.generation === generation && id.source === source)
    const { revision } = this.#taken
    if (head !== undefined && head.document[role] !== generation) throw fenced(this.#server)
    if (head === undefined || !this.#state.isOurs(row, revision)) throw this.#lost(row)
  }

  #lost(found: Found<unknown> | undefined): TailraceError {
    if (
      found !== undefined &&
      found.revision / EPOCH >= this.#taken.revision / EPOCH &&
      found.writer !== this.#state.writer
    )
      return fenced(this.#server)
    const what = found === undefined ? 'removed' : 'set back'
    return new TailraceError('SINK_RESTORED', 'retry', `The cursor at ${this.#server} was ${what}.`, {
      hint: 'The sink goes on from what the tables now hold; if there is no cursor, it is built anew.',
    })
  }
}

function rowId({ sink, generation, source }: Owner): DocumentId {
  return { sink, generation, source, name: '' }
}

export function fenced(server: string): TailraceError {
  return new TailraceError('SINK_FENCED', 'stop', `Another process writes to the tables at ${server}.`, {
    hint: 'Run one pipeline per target. Stop the other one, then resume this sink.',
  })
}

function modeChanged(was: string, is: string): TailraceError {
  return new TailraceError('SINK_SCHEMA', 'stop', `The sink was written with \`mode: ${was}\`, not ${is}.`, {
    hint: `Set \`mode: ${was}\` again, or give the sink another name; or remove it (tailrace remove --sink), then run.`,
  })
}
