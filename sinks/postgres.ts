import { z } from 'zod'
import type { SinkContext } from '../runtime/contract.ts'
import { Names, nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { asTextOption, namedColumn, namedColumns } from './common/column-key.ts'
import { addressOf } from './postgres/address.ts'
import { checkPostgres } from './postgres/check.ts'
import { drop, recall, swap } from './postgres/generations.ts'
import { type LayoutOptions, storageIn, TABLE_NAMES } from './postgres/layout.ts'
import { purge } from './postgres/purge.ts'
import { removeAll } from './postgres/remove.ts'
import { shownOf } from './postgres/shown.ts'
import { PostgresTarget } from './postgres/target.ts'

const config = z.strictObject({
  url: z.string().min(1).describe('postgres://user:password@host:5432/database?sslmode=verify-full'),
  name: nameTemplate('{schema}.{table}').describe(
    'Schema and table in the database; without a dot, a table of public.',
  ),
  asText: asTextOption(),
  types: z
    .record(z.string(), z.string().min(1))
    .default({})
    .describe('By column, source.schema.table.column: its type in the database, as DDL writes it.'),
})
type Config = z.infer<typeof config>

/**
 * Tables in a PostgreSQL database (14 and later): one per source table, typed by its columns (postgres/storage.ts). Rows
 * and cursor move in one transaction a batch, on the server's disk when `write` resolves.
 */
export default defineSink<Config>({
  type: 'postgres',
  config,
  shown: (options, table) => {
    const columns = columnOptions(options)
    return table.columns.map(column => shownOf(column, storageIn(table, column, columns)))
  },
  open: async (options, context) => open(options, context),
  check: async ({ url }, context, signal) => checkPostgres(addressOf(url), context, signal),
  destroy: async ({ url }, context, signal) => removeAll(addressOf(url), context, signal),
  generations: {
    swap: async ({ url }, context, signal) => swap(addressOf(url), context, signal),
    recall: async ({ url }, context, signal) => recall(addressOf(url), context, signal),
    drop: async ({ url }, context, generation, signal) => drop(addressOf(url), context, generation, signal),
  },
  purge: async ({ url }, context, what, signal) => purge(addressOf(url), context, what, signal),
})

function open(options: Config, context: SinkContext): PostgresTarget {
  const { pipeline, onDelete, generation } = context
  return new PostgresTarget(addressOf(options.url), context, {
    ...columnOptions(options),
    template: templateOf(options.name),
    names: new Names('{table}', pipeline, TABLE_NAMES),
    marks: onDelete === 'mark',
    generation,
  })
}

/** Of the schema and of the table in it. */
function templateOf(name: string): { schema: string; table: string } {
  const dot = name.indexOf('.')
  return dot === -1 ? { schema: 'public', table: name } : { schema: name.slice(0, dot), table: name.slice(dot + 1) }
}

function columnOptions({ asText, types }: Config): Pick<LayoutOptions, 'asText' | 'types'> {
  return {
    asText: namedColumns(asText),
    types: new Map(Object.entries(types).map(([name, type]) => [namedColumn(name), type])),
  }
}
