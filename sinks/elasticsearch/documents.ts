import type { Client } from './client.ts'
import { identities, lostIndex, refreshIndex, removeIndexes } from './indexes.ts'
import { pagesOf } from './scroll.ts'

/** Index of what sinks keep for themselves, in the cluster that holds their rows. Small, and changed one at a time. */
export const STATE_INDEX = 'tailrace-state'

const KEYWORD = { type: 'keyword' }
const BODY = {
  settings: { index: { hidden: true, number_of_shards: 1, auto_expand_replicas: '0-1' } },
  mappings: {
    dynamic: false,
    properties: { kind: KEYWORD, sink: KEYWORD, generation: KEYWORD, row: KEYWORD },
  },
}
const CONFLICT = 409
const MISSING = 404

export interface StateDocument {
  readonly kind: 'sink' | 'row' | 'table'
  /** `pipeline:sink`. */
  readonly sink: string
}

/** Which state of a document a change builds on. */
export interface Place {
  readonly seqNo: number
  readonly primaryTerm: number
}

export interface Found<D> {
  readonly id: string
  readonly document: D
  readonly place: Place
}

interface Hit<D> {
  readonly _id: string
  readonly _seq_no: number
  readonly _primary_term: number
  readonly _source: D
}

/** Documents of the state, each changed only from the state that it was read in. Durable when a call resolves. */
export class Documents {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** Makes the index if it is missing. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { status } = await this.#client.ask('GET', `/${STATE_INDEX}/_mapping`, signal, { accept: [MISSING] })
    // Somebody else may be faster: 400.
    if (status === MISSING) await this.#client.ask('PUT', `/${STATE_INDEX}`, signal, { body: BODY, accept: [400] })
  }

  /** The cluster's own name of the index, which another one in its place has not. */
  async identity(signal: AbortSignal): Promise<string> {
    const uuid = (await identities(this.#client, [STATE_INDEX], signal)).get(STATE_INDEX)
    if (uuid === undefined) throw lostIndex(STATE_INDEX)
    return uuid
  }

  async get<D extends StateDocument>(id: string, signal: AbortSignal): Promise<Found<D> | undefined> {
    const { status, body } = await this.#client.ask('GET', path(id), signal, { accept: [MISSING] })
    return status === MISSING ? undefined : foundOf(body as Hit<D>)
  }

  /** Where it stands then; undefined if it is not as it was read: `from` undefined is for one that is not there. */
  async put<D extends StateDocument>(
    id: string,
    document: D,
    from: Place | undefined,
    signal: AbortSignal,
  ): Promise<Place | undefined> {
    const answer = await this.#client.ask('PUT', path(id) + conditionOf(from), signal, {
      body: document,
      accept: [CONFLICT],
    })
    if (answer.status === CONFLICT) return undefined
    const { _seq_no: seqNo, _primary_term: primaryTerm } = answer.body as Hit<D>
    return { seqNo, primaryTerm }
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#client.ask('DELETE', path(id), signal, { accept: [MISSING] })
  }

  /** The index itself, once no sink has anything in it. */
  async removeIfEmpty(signal: AbortSignal): Promise<void> {
    await refreshIndex(this.#client, STATE_INDEX, signal)
    const { body } = await this.#client.ask('GET', `/${STATE_INDEX}/_count`, signal)
    if ((body as { readonly count: number }).count === 0) await removeIndexes(this.#client, [STATE_INDEX], signal)
  }

  /** All whose fields have these values. */
  async find<D extends StateDocument>(values: Partial<D>, signal: AbortSignal): Promise<Found<D>[]> {
    const filter = Object.entries(values).map(([field, value]) => ({ term: { [field]: value } }))
    const found: Found<D>[] = []
    const body = { query: { bool: { filter } }, seq_no_primary_term: true }
    for await (const page of pagesOf<Hit<D>>(this.#client, STATE_INDEX, body, signal)) found.push(...page.map(foundOf))
    return found
  }
}

function path(id: string): string {
  return `/${STATE_INDEX}/_doc/${encodeURIComponent(id)}`
}

function conditionOf(from: Place | undefined): string {
  return from === undefined ? '?op_type=create' : `?if_seq_no=${from.seqNo}&if_primary_term=${from.primaryTerm}`
}

function foundOf<D>({ _id: id, _seq_no: seqNo, _primary_term: primaryTerm, _source: document }: Hit<D>): Found<D> {
  return { id, document, place: { seqNo, primaryTerm } }
}
