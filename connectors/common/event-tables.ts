import type { Column, Resume, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { qualifiedName } from '../../runtime/select.ts'

/** Tables that the log brings forth: of events, which have no table of their own at the server. */

export interface EventTable {
  readonly schema: string
  readonly table: string
  readonly columns: readonly Column[]
}

/** What gives them their numbers (a source's Numbering). */
export interface EventNumbers {
  /** The version with these columns, else a new one. Throws EVENT_TYPES where it would be one table too many. */
  event(wanted: EventTable, most: number): Table
  /** The newest version of each table of the schema. */
  events(schema: string): readonly Table[]
}

/** As every source can read it. */
const ORIGIN = { event: true, oid: 0, attributes: [], columns: [], key: [], files: [], mask: null } as const

export function isEventTable({ origin }: Pick<Table, 'origin'>): boolean {
  return (JSON.parse(origin) as Partial<typeof ORIGIN>).event === true
}

/** What a source knows of tables at the server. */
export function withoutEvents(resume: Resume): Resume {
  return { ...resume, tables: resume.tables.filter(table => !isEventTable(table)) }
}

export interface EventIssuing {
  readonly source: string
  /** All versions by that name, in the order they came. */
  readonly issued: (name: string) => readonly Table[]
  /** The newest version of each table of the schema. */
  readonly events: (schema: string) => readonly Table[]
  /** Gives it its id. */
  readonly add: (drafted: Table, incarnation: number, version: number) => Table
}

/**
 * As EventNumbers.event. What was appended stays whatever becomes of the outbox: other columns are a new version, and
 * nothing is a new incarnation but the end of another table by that name.
 */
export function eventTable(
  { schema, table, columns }: EventTable,
  most: number,
  { source, issued, events, add }: EventIssuing,
): Table {
  const name = qualifiedName([source, schema, table])
  const own = issued(name)
  const text = JSON.stringify(columns)
  const same = own.findLast(one => isEventTable(one) && JSON.stringify(one.columns) === text)
  if (same !== undefined) return same
  const before = own.at(-1)
  if (!own.some(isEventTable) && events(schema).length >= most) throw tooManyTypes(source, schema, most)
  const incarnation = before === undefined ? 1 : isEventTable(before) ? before.incarnation : before.incarnation + 1
  const version = own.filter(one => one.incarnation === incarnation).length + 1
  const origin = JSON.stringify(ORIGIN)
  const drafted = { id: 0, name, source, schema, table, incarnation: 0, version: 0, columns, origin }
  return add({ ...drafted, key: [], appendOnly: true }, incarnation, version)
}

function tooManyTypes(source: string, schema: string, most: number): TailraceError {
  return new TailraceError(
    'EVENT_TYPES',
    'stop',
    `Events of more than ${most} types came to ${qualifiedName([source, schema])}, and each type is a table.`,
    {
      hint: 'Are they types, and not ids? If so raise `outbox.maxTypes` of the source and start again: nothing is lost. Prefixes of messages may be 1,000.',
    },
  )
}
