import { loadConfig } from '../../config/load.ts'
import type { Column, LogicalType, Table } from '../contract.ts'
import { createLogger } from '../logger.ts'
import { newestTables } from '../tables.ts'
import { VERSION } from '../version.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { inspectLogs } from './inspect.ts'

/** Prints TypeScript types of the captured tables' rows, for `transform`. Beside a running process too. */
export async function types(context: Context): Promise<number> {
  const { io, json } = context
  await using stack = new AsyncDisposableStack()
  const logs = await inspectLogs(await loadConfig(context.config), createLogger('warn'), stack)
  const tables = logs.flatMap(({ log }) => [...newestTables(log).values()])
  const text = typesText(tables.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
  if (json) printJson(io, { types: text })
  else print(io, text.trimEnd())
  return EXIT.fine
}

/** A module with one interface, whose members are the rows of the tables by full name. */
export function typesText(tables: readonly Table[]): string {
  const members = tables.flatMap(({ name, columns }) => [
    `  readonly ${JSON.stringify(name)}: {`,
    ...columns.map(column => `    readonly ${JSON.stringify(column.name)}: ${columnType(column)}`),
    '  }',
  ])
  return [
    `/** Rows as a \`transform\` gets them. Written by tailrace types (${VERSION}). */`,
    'export interface Tables {',
  ]
    .concat(members, '}', '')
    .join('\n')
}

function columnType({ type, nullable, masked }: Column): string {
  // A mask may leave NULL.
  const value = masked === true ? 'string' : valueType(type)
  return nullable || masked === true ? `${value} | null` : value
}

/** As `ChangeView.toObject` gives it: what is no number in a column of numbers (NaN) is text. */
function valueType(type: LogicalType): string {
  switch (type.kind) {
    case 'boolean':
      return 'boolean'
    case 'int16':
    case 'int32':
      return 'number'
    case 'int64':
    case 'uint64':
      return 'bigint'
    case 'float32':
    case 'float64':
      return 'number | string'
    case 'enum':
      return type.labels.length === 0 ? 'string' : type.labels.map(label => JSON.stringify(label)).join(' | ')
    case 'array':
      return 'readonly unknown[] | string'
    default:
      return 'string'
  }
}
