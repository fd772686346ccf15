import type { Table } from '../../runtime/contract.ts'
import type { Captured } from './capture.ts'
import type { Decoded, Relation } from './relation.ts'
import { isSameRelation } from './versions.ts'

/** What the catalog knows of relations that the stream describes. */
export interface RelationCatalog {
  /** A table version that the stream begins and nobody knows yet. */
  newVersion(relation: Relation, current: Captured, known: readonly Table[]): Promise<Captured>
  /** Whether a table of that name is to be captured. */
  isWanted(relation: Relation): boolean
  /** The captured table with this oid, as it was seen last; `look`: as it is now. */
  withOid(oid: number): Captured | undefined
  look(): Promise<void>
}

/** Finds the Table version of each relation that the stream describes, from moment to moment. */
export class Resolver {
  readonly #byOid = new Map<number, Captured>()
  readonly #known = new Map<number, Table>()
  readonly #catalog: RelationCatalog

  constructor(captured: readonly Captured[], known: readonly Table[], catalog: RelationCatalog) {
    for (const one of captured) this.#byOid.set(one.oid, one)
    for (const table of known) this.#known.set(table.id, table)
    this.#catalog = catalog
  }

  /**
   * The name in the message is that of its moment: a table that was renamed goes on under the name it is captured by
   * until another one takes that name, or it is captured under the new one. Of a partitioned table it may be a former
   * name: the server describes it once, with the first row of each partition (`get_rel_sync_entry` in its pgoutput.c), and
   * not again when only the root was altered. Throws what `newVersion` and `look` throw.
   */
  readonly resolve = (relation: Relation): Decoded | undefined | Promise<Decoded | undefined> => {
    const current = this.#byOid.get(relation.oid)
    const seen = this.#catalog.withOid(relation.oid)
    const isSeen = seen !== undefined && (seen.partitioned || hasName(seen, relation))
    if (isSeen && current?.table.name === seen.table.name && !isReplaced(current, relation, seen))
      return this.#follow(relation, current)
    if (isSeen) return this.#follow(relation, seen)
    if (current !== undefined && hasName(current, relation)) return this.#follow(relation, current)
    if (current === undefined && !this.#catalog.isWanted(relation)) return undefined
    return this.#catalog.look().then(() => {
      const now = this.#catalog.withOid(relation.oid)
      // Under another name it is the same table: it was renamed since, or back.
      if (now !== undefined) return this.#follow(relation, this.#of(now))
      this.#byOid.delete(relation.oid)
      return undefined
    })
  }

  /** The version that the stream has met, if it is of the same table under the same name. */
  #of(now: Captured): Captured {
    const current = this.#byOid.get(now.oid)
    return current?.table.name === now.table.name ? current : now
  }

  #follow(relation: Relation, current: Captured): Decoded | Promise<Decoded> {
    if (isSameRelation(current, relation)) return this.#decoded(current)
    return this.#catalog.newVersion(relation, current, [...this.#known.values()]).then(next => this.#decoded(next))
  }

  #decoded(captured: Captured): Decoded {
    const { oid, table, plan, route, columns } = captured
    this.#byOid.set(oid, captured)
    this.#known.set(table.id, table)
    return { table, plan, route, columns: columns.length }
  }
}

/**
 * A column was dropped and made again: the message is the same. The catalog is ahead of the stream, but every row of
 * before is read again under the newer version.
 */
function isReplaced(current: Captured, relation: Relation, seen: Captured): boolean {
  return seen.table.id > current.table.id && isSameRelation(seen, relation)
}

function hasName({ table }: Captured, relation: Relation): boolean {
  return table.schema === relation.schema && table.table === relation.table
}
