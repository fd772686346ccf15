import type { LoggedChange, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { keyJson, memberJson } from '../../runtime/record/envelope.ts'
import { matchesPattern, type Pattern, parsePattern } from '../../runtime/select.ts'

/** The option `keys`: columns by tables. */
export type KeyOptions = readonly { readonly pattern: Pattern; readonly columns: readonly string[] }[]

/** Throws CONFIG_PATTERN. */
export function parseKeys(keys: Readonly<Record<string, readonly string[]>>): KeyOptions {
  return Object.entries(keys).map(([text, columns]) => ({
    pattern: parsePattern(text, ['source', 'schema', 'table']),
    columns,
  }))
}

/** Makes the key of a message of this table; answers undefined for one that has none. Throws SINK_SCHEMA. */
export function keyMaker(table: Table, options: KeyOptions): (change: LoggedChange) => Buffer | undefined {
  if (table.key.length > 0)
    return change => (change.key.length > 0 ? Buffer.from(keyJson(table, change.key)) : undefined)
  const { source, schema, table: own } = table
  const wanted = options.find(({ pattern }) => matchesPattern(pattern, [source, schema, own]))
  if (wanted === undefined) return () => undefined
  const places = wanted.columns.map(name => {
    const place = table.columns.findIndex(column => column.name === name)
    if (place === -1) throw columnMissing(table, name)
    return place
  })
  return change => {
    if (change.kind === 't') return undefined
    const members = places.map(place => memberJson(table.columns[place]!, change.text(place)))
    return Buffer.from(`{${members.join(',')}}`)
  }
}

function columnMissing({ name }: Table, column: string): TailraceError {
  return new TailraceError(
    'SINK_SCHEMA',
    'stop',
    `${name} has no column ${column}, which \`keys\` of the sink names.`,
    {
      hint: 'Mend `keys` of the sink, then resume it. Nothing was skipped.',
    },
  )
}
