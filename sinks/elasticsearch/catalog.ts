import type { Logger } from 'pino'
import type { Table } from '../../runtime/contract.ts'
import type { Client } from './client.ts'
import { type CursorRow, type Owner, rowId } from './cursor-row.ts'
import type { Documents } from './documents.ts'
import { addFields, createIndex, identities, indexesOf, removeIndexes, taken } from './indexes.ts'
import { mappingsOf, type Overrides } from './mapping.ts'
import { type IndexNames, newIndex } from './names.ts'
import { indexesOfTable, putTable, settleTable, type TableDocument, type TableEntry, tableId } from './tables.ts'

export interface CatalogOptions {
  readonly names: IndexNames
  readonly mappings: Overrides
  readonly settings: Readonly<Record<string, unknown>>
  /** Readers find its tables by their aliases. */
  readonly isLive: boolean
}

export interface CatalogParts {
  readonly client: Client
  readonly documents: Documents
  readonly owner: Owner
  readonly options: CatalogOptions
  readonly logger: Logger
}

/** The tables of one row, and the index of each. */
export class Catalog {
  readonly #parts: CatalogParts
  readonly #row: CursorRow
  /** By alias. */
  readonly #entries = new Map<string, TableEntry>()
  /** Versions of tables whose fields the index has. */
  readonly #fitted = new Set<number>()

  private constructor(parts: CatalogParts, row: CursorRow) {
    this.#parts = parts
    this.#row = row
  }

  /** Ends what was cut off. Rows that no cursor vouches for are removed, as all are if an index is missing. */
  static async open(parts: CatalogParts, row: CursorRow, signal: AbortSignal): Promise<Catalog> {
    const catalog = new Catalog(parts, row)
    const found = await parts.documents.find<TableDocument>({ kind: 'table', row: rowId(parts.owner) }, signal)
    for (const { document, place } of found) catalog.#entries.set(document.alias, { document, place })
    if (row.cursor !== undefined && (await catalog.#isWhole(signal))) return catalog
    if (row.cursor !== undefined) await row.move(undefined, signal)
    await catalog.#clear(signal)
    return catalog
  }

  /** The index of the table if it holds this incarnation. */
  find(table: Table): string | undefined {
    const document = this.#entries.get(this.#parts.options.names.of(table))?.document
    return document?.table === table.name && document.incarnation === table.incarnation ? document.index : undefined
  }

  /**
   * The index that rows of this version of the table belong into, made if need be, with all its fields; undefined: the
   * table has begun a later life. Throws NAME_COLLISION.
   */
  async claim(table: Table, signal: AbortSignal): Promise<string | undefined> {
    const alias = this.#parts.options.names.of(table)
    const known = this.#entries.get(alias)?.document
    if (known !== undefined && known.table !== table.name) throw taken(alias)
    if (known !== undefined && known.incarnation > table.incarnation) return undefined
    if (known?.incarnation !== table.incarnation) return this.#replace(table, alias, signal)
    if (!this.#fitted.has(table.id)) await this.#fit(table, known.index, signal)
    return known.index
  }

  /** All its rows are gone when it resolves: an empty index takes the place of the one before. */
  async empty(table: Table, signal: AbortSignal): Promise<void> {
    await this.#row.check(signal)
    if (this.find(table) !== undefined) await this.#replace(table, this.#parts.options.names.of(table), signal)
  }

  async #fit(table: Table, index: string, signal: AbortSignal): Promise<void> {
    const { client, options, logger } = this.#parts
    const kept = await addFields(client, index, mappingsOf(table, options.mappings), signal)
    if (kept.length > 0)
      logger.warn(
        { table: table.name, fields: kept, fix: 'tailrace backfill --sink' },
        'the type of columns has changed: their fields keep the mapping they have until the sink is built anew',
      )
    this.#fitted.add(table.id)
  }

  async #replace(table: Table, alias: string, signal: AbortSignal): Promise<string> {
    const { client, options, owner } = this.#parts
    await this.#row.check(signal)
    const leaves = this.#entries.get(alias)?.document.index
    if (options.isLive) await this.#expectFree(alias, leaves, signal)
    const index = newIndex(alias)
    const document: TableDocument = {
      kind: 'table',
      sink: owner.sink,
      generation: owner.generation,
      row: rowId(owner),
      alias,
      table: table.name,
      incarnation: table.incarnation,
      index,
    }
    await this.#put(leaves === undefined ? document : { ...document, leaves }, signal)
    await createIndex(
      client,
      index,
      {
        settings: options.settings,
        properties: mappingsOf(table, options.mappings),
        alias: options.isLive && leaves === undefined ? alias : undefined,
      },
      signal,
    )
    await this.#finish(alias, signal)
    this.#fitted.add(table.id)
    return index
  }

  async #expectFree(alias: string, ours: string | undefined, signal: AbortSignal): Promise<void> {
    for (const index of await indexesOf(this.#parts.client, alias, signal)) if (index !== ours) throw taken(alias)
  }

  /** The index is there: it takes its place. */
  async #finish(alias: string, signal: AbortSignal): Promise<void> {
    this.#entries.set(
      alias,
      await settleTable(this.#parts, this.#entries.get(alias)!, this.#parts.options.isLive, signal),
    )
  }

  async #put(document: TableDocument, signal: AbortSignal): Promise<void> {
    const former = this.#entries.get(document.alias) ?? {}
    this.#entries.set(document.alias, await putTable(this.#parts, former, document, signal))
  }

  /** Whether every table has the index that was made for it, or that came with the row. */
  async #isWhole(signal: AbortSignal): Promise<boolean> {
    const { client } = this.#parts
    const documents = [...this.#entries.values()].map(({ document }) => document)
    const there = await identities(
      client,
      documents.map(({ index }) => index),
      signal,
    )
    for (const document of documents) {
      const { alias, index, uuid, leaves, copying } = document
      if (!there.has(index)) {
        if (uuid !== undefined || !(await this.#takeBack(document, signal))) return false
        continue
      }
      const isOurs = uuid === undefined || there.get(index) === uuid
      if (!isOurs && !this.#row.isRestored) return false
      if (!isOurs || uuid === undefined || leaves !== undefined || copying !== undefined)
        await this.#finish(alias, signal)
    }
    return true
  }

  /** It was only going to be made, and what it was for comes again. False if the one before is not there any more. */
  async #takeBack({ index, leaves, ...document }: TableDocument, signal: AbortSignal): Promise<boolean> {
    const { client, documents } = this.#parts
    if (leaves === undefined) {
      await documents.remove(tableId(document), signal)
      this.#entries.delete(document.alias)
      return true
    }
    const uuid = (await identities(client, [leaves], signal)).get(leaves)
    if (uuid === undefined) return false
    await this.#put({ ...document, index: leaves, uuid }, signal)
    return true
  }

  async #clear(signal: AbortSignal): Promise<void> {
    const { client, documents } = this.#parts
    for (const { document } of this.#entries.values()) {
      await removeIndexes(client, indexesOfTable(document), signal)
      await documents.remove(tableId(document), signal)
    }
    this.#entries.clear()
  }
}
