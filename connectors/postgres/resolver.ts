import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Captured } from './catalog.ts'
import type { Relation } from './relation.ts'
import type { Decoded } from './rows.ts'
import { isSameRelation } from './versions.ts'

/** Asks the catalog for a table version that the stream begins and nobody knows yet. */
export type NewVersion = (relation: Relation, current: Captured, known: readonly Table[]) => Promise<Captured>

/** Finds the Table version of each relation that the stream describes, from moment to moment. */
export class Resolver {
  readonly #byOid = new Map<number, Captured>()
  readonly #known = new Map<number, Table>()
  readonly #newVersion: NewVersion

  constructor(captured: readonly Captured[], known: readonly Table[], newVersion: NewVersion) {
    for (const one of captured) this.#byOid.set(one.oid, one)
    for (const table of known) this.#known.set(table.id, table)
    this.#newVersion = newVersion
  }

  /** Throws TABLE_RENAMED, TABLE_RECREATED and what `newVersion` throws. */
  readonly resolve = (relation: Relation): Decoded | undefined | Promise<Decoded | undefined> => {
    const current = this.#byOid.get(relation.oid)
    if (current === undefined) {
      this.#refuseNamesake(relation)
      return undefined
    }
    const { table } = current
    if (table.schema !== relation.schema || table.table !== relation.table) throw renamed(table, relation)
    if (isSameRelation(current, relation)) return this.#decoded(current)
    return this.#newVersion(relation, current, [...this.#known.values()]).then(next => {
      this.#byOid.set(relation.oid, next)
      return this.#decoded(next)
    })
  }

  #decoded(captured: Captured): Decoded {
    const { table, plan, columns } = captured
    this.#known.set(table.id, table)
    return { table, plan, columns: columns.length }
  }

  /** Another table under a captured name: its rows would mix with those of the one that is gone. */
  #refuseNamesake(relation: Relation): void {
    for (const { table } of this.#byOid.values())
      if (table.schema === relation.schema && table.table === relation.table)
        throw new TailraceError('TABLE_RECREATED', 'stop', `${table.name} was dropped and made again.`, {
          hint: `The new table's rows do not continue the old one's. ${BEGIN_ANEW}`,
        })
  }
}

const BEGIN_ANEW = 'Begin anew: `tailrace remove --source NAME`, then `tailrace run`.'

function renamed(table: Table, relation: Relation): TailraceError {
  return new TailraceError('TABLE_RENAMED', 'stop', `${table.name} is now "${relation.schema}"."${relation.table}".`, {
    hint: `Rename it back before any change of it is written, or give the new name in \`tables\`. ${BEGIN_ANEW}`,
  })
}
