import type { Logger } from 'pino'
import type { Table } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import type { Client } from './client.ts'
import type { CursorRow, Owner } from './cursor-row.ts'
import { alterations, createTable, type Layout, type LayoutOptions, layOut } from './layout.ts'
import { makingPlace, type Place, type Places, sqlName } from './names.ts'
import { REMOVING } from './sql.ts'
import type { DocumentId, Found, State } from './state.ts'
import {
  commentOf,
  dropOurs,
  dropTable,
  type Known,
  makeTable,
  placeIn,
  putInPlace,
  type TableDocument,
  tableAt,
  tablesAt,
  taken,
} from './tables.ts'

export interface CatalogParts {
  readonly client: Client
  readonly state: State
  readonly owner: Owner
  readonly places: Places
  readonly options: LayoutOptions
  readonly logger: Logger
}

/** Where the rows of a table are, and how. */
export interface Held {
  readonly at: Place
  readonly layout: Layout
}

/** The tables of one row. */
export class Catalog {
  readonly #parts: CatalogParts
  readonly #row: CursorRow
  /** By `sqlName` of the place. */
  readonly #entries = new Map<string, TableDocument>()
  readonly #revisions = new Map<string, bigint>()
  /** Versions of tables whose columns the target has. */
  readonly #fitted = new Set<number>()

  private constructor(parts: CatalogParts, row: CursorRow) {
    this.#parts = parts
    this.#row = row
  }

  /** Ends what was cut off. Rows that no cursor vouches for are removed, as all are if a table is missing. */
  static async open(parts: CatalogParts, row: CursorRow, signal: AbortSignal): Promise<Catalog> {
    const catalog = new Catalog(parts, row)
    const { sink, generation, source } = parts.owner
    for (const found of await parts.state.findAll<TableDocument>({ sink, generation, source }, signal))
      if (found.id.name !== '') catalog.#learn(found)
    if (row.cursor !== undefined && (await catalog.#isWhole(signal))) return catalog
    if (row.cursor !== undefined) await row.move(undefined, signal)
    await catalog.#clear(signal)
    return catalog
  }

  #learn({ id, document, revision, isRemoved }: Found<TableDocument>): void {
    this.#revisions.set(id.name, revision)
    if (!isRemoved) this.#entries.set(id.name, document)
  }

  /** Undefined if it does not hold this incarnation of the table. */
  find(table: Table): Held | undefined {
    const known = this.#entries.get(sqlName(this.#parts.places.of(table)))
    const isHeld = known?.table === table.name && known.incarnation === table.incarnation
    return isHeld ? this.#held(known) : undefined
  }

  #held({ place, layout }: TableDocument): Held {
    return { at: this.#at(place), layout }
  }

  #at(place: Place): Place {
    return placeIn(place, this.#parts.owner.generation, this.#parts.owner.role === 'live')
  }

  /**
   * What rows of this version of the table belong into, made if need be, with all its columns; undefined: the table has
   * begun a later life. Throws NAME_COLLISION, SINK_SCHEMA.
   */
  async claim(table: Table, signal: AbortSignal): Promise<Held | undefined> {
    const place = this.#parts.places.of(table)
    const known = this.#entries.get(sqlName(place))
    if (known !== undefined && known.table !== table.name) throw taken(place)
    if (known !== undefined && known.incarnation > table.incarnation) return undefined
    if (known?.incarnation !== table.incarnation) return this.#held(await this.#replace(table, place, known, signal))
    return this.#held(await this.#fit(table, known, signal))
  }

  /** All its rows are gone when it resolves. */
  async empty(table: Table, signal: AbortSignal): Promise<void> {
    await this.#row.check(signal)
    const held = this.find(table)
    if (held === undefined) return
    await this.#parts.client.ask(`TRUNCATE TABLE ${sqlName(held.at)} ${REMOVING}`, signal, { isLong: true })
  }

  async #fit(table: Table, known: TableDocument, signal: AbortSignal): Promise<TableDocument> {
    if (this.#fitted.has(table.id)) return known
    const { client, options } = this.#parts
    const layout = layOut(table, options, known.layout)
    const changes = alterations(known.layout, layout)
    let fitted = known
    if (changes.length > 0) {
      await this.#row.check(signal)
      const alter = `ALTER TABLE ${sqlName(this.#at(known.place))} ${changes.join(', ')}`
      await client.ask(`${alter} SETTINGS alter_sync = 1, mutations_sync = 1`, signal, { isLong: true })
      fitted = await this.#put({ ...known, layout }, signal)
    }
    this.#fitted.add(table.id)
    return fitted
  }

  /** A new table takes the place of the one before, if there is one. */
  async #replace(
    table: Table,
    place: Place,
    known: TableDocument | undefined,
    signal: AbortSignal,
  ): Promise<TableDocument> {
    const { client, options, owner } = this.#parts
    await this.#row.check(signal)
    const at = this.#at(place)
    const there = await tableAt(client, at, signal)
    if (there !== undefined && there.comment !== commentOf(owner.sink)) throw taken(at)
    const making = makingPlace(at)
    await dropTable(client, making, signal)
    const layout = layOut(table, options, undefined)
    const statement = createTable(making, layout, options, commentOf(owner.sink))
    const uuid = await makeTable(client, making, statement, signal)
    const document: TableDocument = { table: table.name, incarnation: table.incarnation, place, layout, uuid }
    await this.#put(known === undefined ? document : { ...document, before: known }, signal)
    crashPoint('clickhouse.making')
    await putInPlace(client, making, at, there !== undefined, signal)
    if (there !== undefined) await dropTable(client, making, signal)
    this.#fitted.add(table.id)
    return known === undefined ? document : await this.#put(document, signal)
  }

  async #put(document: TableDocument, signal: AbortSignal): Promise<TableDocument> {
    const name = sqlName(document.place)
    const last = this.#revisions.get(name) ?? 0n
    const revision = last >= this.#row.revision ? last + 1n : this.#row.revision
    await this.#parts.state.put(this.#id(name), document, revision, signal)
    this.#revisions.set(name, revision)
    this.#entries.set(name, document)
    return document
  }

  #id(name: string): DocumentId {
    const { sink, generation, source } = this.#parts.owner
    return { sink, generation, source, name }
  }

  /** Whether every table is the one that was made, or that came with the row. */
  async #isWhole(signal: AbortSignal): Promise<boolean> {
    const { client } = this.#parts
    const documents = [...this.#entries.values()]
    const there = await tablesAt(
      client,
      documents.map(({ place }) => this.#at(place)),
      signal,
    )
    for (const document of documents) {
      const known = there.get(sqlName(this.#at(document.place)))
      if (known === undefined) {
        if (document.before !== undefined || (await this.#isMade(document, signal))) return false
        await this.#forget(document, signal)
      } else if (!(await this.#settle(document, known, signal))) return false
    }
    return true
  }

  /** It was only going to be put there, and what it was for comes again. */
  async #isMade(document: TableDocument, signal: AbortSignal): Promise<boolean> {
    const making = await tableAt(this.#parts.client, makingPlace(this.#at(document.place)), signal)
    return making?.uuid !== document.uuid
  }

  /** False: it is another one. */
  async #settle(document: TableDocument, { uuid, comment }: Known, signal: AbortSignal): Promise<boolean> {
    const { before, ...rest } = document
    if (uuid === document.uuid) {
      if (before !== undefined) await this.#put(rest, signal)
      return true
    }
    if (uuid === before?.uuid) {
      await this.#put(before, signal)
      return true
    }
    if (!this.#row.isRestored || comment !== commentOf(this.#parts.owner.sink)) return false
    await this.#put({ ...(before ?? rest), uuid }, signal)
    return before === undefined
  }

  async #forget(document: TableDocument, signal: AbortSignal): Promise<void> {
    const name = sqlName(document.place)
    const revision = this.#revisions.get(name)!
    await this.#parts.state.remove([{ id: this.#id(name), revision }], signal)
    this.#revisions.set(name, revision + 1n)
    this.#entries.delete(name)
  }

  async #clear(signal: AbortSignal): Promise<void> {
    for (const document of [...this.#entries.values()]) {
      await dropOurs(this.#parts.client, this.#parts.owner.sink, [this.#at(document.place)], signal)
      await this.#forget(document, signal)
    }
  }
}
