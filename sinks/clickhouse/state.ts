import { randomBytes } from 'node:crypto'
import { TailraceError } from '../../runtime/errors.ts'
import type { Client } from './client.ts'
import { Code } from './server-error.ts'
import { INSERTING, quote, READING, REMOVING, settingsText, text } from './sql.ts'

/** Table of what sinks keep for themselves, in the database of the url. */
export const STATE_TABLE = '_tailrace'

/** Which document: the head of a sink (all empty), the row of a source (no `name`), or one of its tables. */
export interface DocumentId {
  readonly sink: string
  readonly generation: string
  readonly source: string
  readonly name: string
}

export interface Found<D> {
  readonly id: DocumentId
  readonly document: D
  /** Grows with each change of the document; what has a lower one does not count, whenever it arrives. */
  readonly revision: bigint
  /** The State that wrote it. */
  readonly writer: string
  /** Only its revision is left, which a later document of this id must exceed. */
  readonly isRemoved: boolean
}

interface StateRow extends DocumentId {
  readonly changed: string
  readonly writer: string
  readonly document: string
  readonly removed: number
}

const COLUMNS = ['sink', 'generation', 'source', 'name'] as const

/**
 * Documents of the state. ClickHouse has no compare-and-set: a change is a row of a higher revision, and who must know
 * that it was the only one reads back who wrote what now counts. Durable when a call resolves.
 */
export class State {
  readonly #client: Client
  readonly #table: string
  readonly writer = randomBytes(8).toString('hex')

  constructor(client: Client) {
    this.#client = client
    this.#table = `${quote(client.database)}.${quote(STATE_TABLE)}`
  }

  /** Makes the table if it is missing. */
  async prepare(signal: AbortSignal): Promise<void> {
    const columns = [...COLUMNS, 'writer', 'document'].map(name => `${name} String`)
    const made = await this.#client.ask(
      `CREATE TABLE IF NOT EXISTS ${this.#table} (${columns.join(', ')}, revision UInt64, removed UInt8)
       ENGINE = ReplacingMergeTree(revision) ORDER BY (${COLUMNS.join(', ')}) ${settingsText({})}`,
      signal,
      { accept: [Code.unknownDatabase] },
    )
    if (made !== undefined) return
    const { database, server } = this.#client
    throw new TailraceError('SINK_SCHEMA', 'stop', `ClickHouse at ${server} has no database "${database}".`, {
      hint: `CREATE DATABASE ${quote(database)}; or name another one in \`url\`. Then resume the sink.`,
    })
  }

  /** The server's own name of the table, which another one in its place has not. */
  async identity(signal: AbortSignal): Promise<string> {
    const [row] = await this.#client.rows<{ readonly uuid: string }>(
      `SELECT toString(uuid) AS uuid FROM system.tables
       WHERE database = ${text(this.#client.database)} AND name = ${text(STATE_TABLE)}`,
      signal,
    )
    return row?.uuid ?? ''
  }

  /** All documents that have these values. */
  async find<D>(values: Partial<DocumentId>, signal: AbortSignal): Promise<Found<D>[]> {
    return (await this.findAll<D>(values, signal)).filter(({ isRemoved }) => !isRemoved)
  }

  /** With those that were removed. */
  async findAll<D>(values: Partial<DocumentId>, signal: AbortSignal): Promise<Found<D>[]> {
    const conditions = Object.entries(values).map(([name, value]) => `${name} = ${text(value)}`)
    const rows = await this.#client.rows<StateRow>(
      `SELECT ${COLUMNS.join(', ')}, writer, document, removed, toString(revision) AS changed FROM ${this.#table} FINAL
       WHERE ${conditions.join(' AND ') || '1'} ORDER BY ${COLUMNS.join(', ')} ${READING}`,
      signal,
    )
    return rows.map(({ sink, generation, source, name, changed, writer, document, removed }) => ({
      id: { sink, generation, source, name },
      document: JSON.parse(document) as D,
      revision: BigInt(changed),
      writer,
      isRemoved: removed === 1,
    }))
  }

  /** The newest of this id, also where it was removed. */
  async last<D>({ sink, generation, source, name }: DocumentId, signal: AbortSignal): Promise<Found<D> | undefined> {
    return (await this.findAll<D>({ sink, generation, source, name }, signal))[0]
  }

  async get<D>(id: DocumentId, signal: AbortSignal): Promise<D | undefined> {
    const found = await this.last<D>(id, signal)
    return found?.isRemoved === false ? found.document : undefined
  }

  async put(id: DocumentId, document: unknown, revision: bigint, signal: AbortSignal): Promise<void> {
    await this.#insert([{ ...id, document: JSON.stringify(document), revision: String(revision), removed: 0 }], signal)
  }

  async remove(documents: readonly Pick<Found<unknown>, 'id' | 'revision'>[], signal: AbortSignal): Promise<void> {
    const rows = documents.map(({ id, revision }) => ({
      ...id,
      document: '{}',
      revision: String(revision + 1n),
      removed: 1,
    }))
    if (rows.length > 0) await this.#insert(rows, signal)
  }

  /** Whether what counts as this document is what this State wrote as this revision. */
  isOurs(found: Found<unknown> | undefined, revision: bigint): boolean {
    return found?.revision === revision && found.writer === this.writer && !found.isRemoved
  }

  /** The table itself, once no sink has anything in it. */
  async removeIfEmpty(signal: AbortSignal): Promise<void> {
    if ((await this.find({}, signal)).length === 0)
      await this.#client.ask(`DROP TABLE IF EXISTS ${this.#table} SYNC ${REMOVING}`, signal)
  }

  async #insert(rows: readonly object[], signal: AbortSignal): Promise<void> {
    const lines = rows.map(row => JSON.stringify({ ...row, writer: this.writer }))
    await this.#client.insert(
      `INSERT INTO ${this.#table} (${COLUMNS.join(', ')}, writer, document, revision, removed) ${INSERTING} FORMAT JSONEachRow`,
      Buffer.from(lines.join('\n')),
      signal,
    )
  }
}
