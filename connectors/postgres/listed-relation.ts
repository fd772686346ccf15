import type { Listed } from '../common/selection.ts'

/** A relation as the catalog lists it. */
export interface ListedRelation {
  readonly oid: number
  readonly schema: string
  readonly table: string
  /** pg_class.relkind: r table, p partitioned table, v view, m materialized view, f foreign table. */
  readonly kind: string
  /** pg_class.relpersistence: p permanent, u unlogged, t temporary. */
  readonly persistence: string
  readonly isPartition: boolean
}

/** Why changes of a relation cannot be followed; undefined if they can. */
function unsupported(relation: ListedRelation): string | undefined {
  switch (relation.kind) {
    case 'v':
      return 'is a view: capture the tables it reads'
    case 'm':
      return 'is a materialized view: capture the tables it reads'
    case 'f':
      return 'is a foreign table: capture it where it lives'
  }
  if (relation.isPartition) return 'is a partition: name its partitioned table, which stands for all of them'
  if (relation.persistence !== 'p') return 'is unlogged or temporary: its changes are not in the server’s log'
  return undefined
}

export function listed<R extends ListedRelation>(relations: readonly R[]): Listed<R> {
  return { relations, unsupported, toBeSeen: 'the role needs USAGE on the schema' }
}
