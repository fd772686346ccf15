import type { LogBatch, Table, TableFilter } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { asBuffer, readU32LE } from '../record/cells.ts'
import { At, CHANGE_KINDS } from '../record/layout.ts'
import { entries } from '../record/slice.ts'
import type { HeldShape, HeldTable } from './memory.ts'

/** Throws SCHEMA_CHANGED where a batch holds changes of a table version with other columns than the sink knows. */
export function refuseChanges({ slices, tables }: LogBatch, held: HeldShape, filter: TableFilter): void {
  const seen = new Set<number>()
  for (const slice of slices) {
    const bytes = asBuffer(slice.bytes)
    for (const { at, kind } of entries(slice)) {
      const id = readU32LE(bytes, at + At.table)
      if (!CHANGE_KINDS.has(kind) || seen.has(id)) continue
      seen.add(id)
      const table = tables.get(id)!
      const known = held.tables[table.name]
      if (known === undefined || !filter(table)) continue
      const news = newsOf(table, known)
      if (news !== undefined) throw changed(table, news)
    }
  }
}

/** What of a later version is new; undefined: nothing. Columns that a configuration hides are no news. */
function newsOf({ id, columns, excluded = [] }: Table, known: HeldTable): string | undefined {
  if (id <= known.id) return undefined
  const names = columns.map(({ name }) => name)
  const told = (word: string, list: readonly string[]): string[] =>
    list.length === 0 ? [] : [`${word} ${list.join(', ')}`]
  const news = [
    ...told(
      'new:',
      names.filter(name => !(name in known.columns)),
    ),
    ...told(
      'gone:',
      Object.keys(known.columns).filter(name => !names.includes(name) && !excluded.includes(name)),
    ),
    ...told(
      'of another type:',
      columns.filter(({ name, declared }) => (known.columns[name] ?? declared) !== declared).map(({ name }) => name),
    ),
  ]
  return news.length === 0 ? undefined : news.join('; ')
}

function changed({ name }: Table, news: string): TailraceError {
  return new TailraceError('SCHEMA_CHANGED', 'stop', `The columns of ${name} have changed (${news}).`, {
    hint: 'schemaChanges is `stop`. tailrace resume --sink takes the table as it is now, or set schemaChanges: evolve or ignore.',
  })
}
