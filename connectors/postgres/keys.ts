import { TailraceError } from '../../runtime/errors.ts'
import { nameOf } from '../common/selection.ts'
import type { AttributeRow, IndexRow, RelationRow, TableRows } from './catalog-rows.ts'
import { quoteIdentifier, quoteRelation } from './quote.ts'

/** Attribute numbers of the key, in order, or why there is none. */
export type KeyChoice = { readonly attnums: readonly number[] } | { readonly problem: string; readonly fix: string }

/**
 * What identifies a row in the stream: the primary key, the replica identity's index, or the index that the
 * configuration names (R6.7).
 */
export function chooseKey(relation: RelationRow, rows: TableRows, configured: string | undefined): KeyChoice {
  const relationSql = quoteRelation(relation.schema, relation.table)
  if (relation.identity === 'n')
    return {
      problem: 'its replica identity is NOTHING',
      fix: `ALTER TABLE ${relationSql} REPLICA IDENTITY DEFAULT;`,
    }
  const choice = configured === undefined ? ownKey(relation, rows) : configuredIndex(relation, rows, configured)
  if ('problem' in choice) return choice
  const leaf = rows.leaves.find(({ oid, identity }) => oid !== relation.oid && !leafSends(identity, relation.identity))
  if (leaf === undefined) return choice
  const leafSql = quoteRelation(leaf.schema, leaf.table)
  return {
    problem: `its partition ${nameOf(leaf)} has another replica identity`,
    fix: `ALTER TABLE ${leafSql} REPLICA IDENTITY ${relation.identity === 'd' ? 'DEFAULT' : 'FULL'};`,
  }
}

/** Whether a partition logs the key columns that its root promises. */
function leafSends(leaf: string, root: string): boolean {
  return leaf === 'f' || leaf === root
}

function ownKey(relation: RelationRow, rows: TableRows): KeyChoice {
  const relationSql = quoteRelation(relation.schema, relation.table)
  if (relation.identity === 'i') {
    const index = rows.indexes.find(({ isIdentity }) => isIdentity)
    if (index !== undefined) return { attnums: index.attnums }
    return {
      problem: 'the index of its replica identity was dropped',
      fix: `ALTER TABLE ${relationSql} REPLICA IDENTITY DEFAULT;`,
    }
  }
  const primary = rows.indexes.find(({ isPrimary }) => isPrimary)
  if (primary === undefined)
    return { problem: 'it has no primary key', fix: `ALTER TABLE ${relationSql} ADD PRIMARY KEY (…);` }
  if (primary.problem === null) return { attnums: primary.attnums }
  return {
    problem: `its primary key cannot be used: ${primary.problem}`,
    fix: `Make the primary key of ${relationSql} NOT DEFERRABLE.`,
  }
}

function configuredIndex(relation: RelationRow, rows: TableRows, name: string): KeyChoice {
  const relationSql = quoteRelation(relation.schema, relation.table)
  const index = rows.indexes.find(row => row.name === name)
  if (index === undefined)
    return { problem: `it has no index ${name}`, fix: `Name one of its unique indexes under \`keys\`${listed(rows)}.` }
  const nullable = firstNullable(index, rows.attributes)
  if (index.problem !== null) return { problem: `index ${name} cannot be its key: ${index.problem}`, fix: USE_ANOTHER }
  if (nullable !== undefined)
    return {
      problem: `index ${name} cannot be its key: column ${nullable} may be null`,
      fix: `ALTER TABLE ${relationSql} ALTER COLUMN ${quoteIdentifier(nullable)} SET NOT NULL;`,
    }
  const isIdentity = index.isIdentity || (index.isPrimary && relation.identity === 'd')
  if (isIdentity || relation.identity === 'f') return { attnums: index.attnums }
  return {
    problem: `the server does not log the old values of index ${name}`,
    fix: `ALTER TABLE ${relationSql} REPLICA IDENTITY USING INDEX ${quoteIdentifier(name)};`,
  }
}

const USE_ANOTHER = 'Name a unique, not partial, not deferrable index on columns that are NOT NULL.'

function listed(rows: TableRows): string {
  const usable = rows.indexes.filter(row => row.problem === null && firstNullable(row, rows.attributes) === undefined)
  return usable.length === 0 ? '' : ` (${usable.map(({ name }) => name).join(', ')})`
}

function firstNullable(index: IndexRow, attributes: readonly AttributeRow[]): string | undefined {
  return attributes.find(({ attnum, notNull }) => index.attnums.includes(attnum) && !notNull)?.name
}

/** Names the table, why, and the ways out. */
export function withoutKey(relation: RelationRow, choice: { problem: string; fix: string }): TailraceError {
  const name = nameOf(relation)
  return new TailraceError('TABLE_WITHOUT_KEY', 'stop', `Rows of ${name} cannot be told apart: ${choice.problem}.`, {
    hint:
      `One of: ${choice.fix} | a unique index on NOT NULL columns, made its replica identity (ALTER TABLE … REPLICA ` +
      `IDENTITY USING INDEX …) | rows that are only ever inserted: appendOnly: [${name}] | exclude: [${name}].`,
  })
}
