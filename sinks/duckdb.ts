import { resolve } from 'node:path'
import { z } from 'zod'
import type { Sink, SinkContext, Target } from '../runtime/contract.ts'
import { generationPrefix } from '../runtime/generation.ts'
import { Names, nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { durationOption, sizeOption } from '../runtime/quantity.ts'
import { asTextOption, namedColumns } from './common/column-key.ts'
import { drop, type Files, recall, swap } from './duckdb/generations.ts'
import { purge } from './duckdb/purge.ts'
import { removeAll } from './duckdb/remove.ts'
import { Snapshots } from './duckdb/snapshots.ts'
import { checkFile } from './duckdb-file/check.ts'
import { Database } from './duckdb-file/database.ts'
import { storageIn, TABLE_NAMES } from './duckdb-file/layout.ts'
import { createOwnTables } from './duckdb-file/owner.ts'
import { RowsSink } from './duckdb-file/rows-sink.ts'
import { shownOf } from './duckdb-file/shown.ts'
import { type DuckdbOptions, DuckdbSink, takePlace } from './duckdb-file/sink.ts'

const config = z.strictObject({
  path: z.string().min(1).describe('The database file; relative to this file.'),
  mode: z
    .enum(['rows', 'changes'])
    .default('rows')
    .describe('rows: the current rows. changes: a row for every change, with kind, commit time and version.'),
  name: nameTemplate('{schema}.{table}').describe('Schema and table in the database; without a dot, a table of main.'),
  asText: asTextOption(),
  snapshotTo: z
    .string()
    .min(1)
    .optional()
    .describe('A copy of the file for readers, who cannot open one that is written.'),
  snapshotEvery: durationOption().prefault('1m').describe('The copy is made anew at most this often.'),
  memory: sizeOption().prefault('1GB').describe('What DuckDB may take. The keys of the largest table must fit.'),
  threads: z.int().min(1).max(64).default(1).describe('Threads of DuckDB.'),
})
type Config = z.infer<typeof config>

/**
 * Tables in a DuckDB file: one per source table, typed by its columns (duckdb/storage.ts). Rows and cursor move in one
 * transaction a batch, on disk when `write` resolves. DuckDB works in threads of its own.
 */
export default defineSink<Config>({
  type: 'duckdb',
  config,
  reads: ({ mode }) => (mode === 'changes' ? 'history' : 'state'),
  shown: (options, table) => {
    const asText = namedColumns(options.asText)
    return table.columns.map(column => shownOf(column, storageIn(table, column, { asText })))
  },
  open,
  check: async ({ path }) => checkFile(resolve(path)),
  destroy: async (options, context) => removeAll(filesOf(options), context),
  generations: {
    refusal: ({ mode }) => (mode === 'changes' ? NO_HISTORY : undefined),
    swap: async (options, context, signal) => swap(filesOf(options), context, signal),
    recall: async (options, context, signal) => recall(filesOf(options), context, signal),
    drop: async (options, context, generation, signal) => drop(filesOf(options), context, generation, signal),
  },
  purge: async (options, context, { rows }, signal) => purge(filesOf(options), context, rows, signal),
})

const NO_HISTORY =
  'With `mode: changes` the log may no longer have all that the tables hold. Use tailrace replay for a part of the history.'

function filesOf({ path, snapshotTo, memory, threads }: Config): Files {
  const copy = snapshotTo === undefined ? undefined : resolve(snapshotTo)
  return { path: resolve(path), copy, memory, threads }
}

async function open(options: Config, context: SinkContext): Promise<Target> {
  const shared = {
    context,
    template: templateOf(options.name),
    names: new Names('{table}', context.pipeline, TABLE_NAMES),
    prefix: generationPrefix(context),
    history: options.mode === 'changes',
    marks: context.onDelete === 'mark',
    asText: namedColumns(options.asText),
  }
  await using opening = new AsyncDisposableStack()
  const database = opening.use(await Database.open(resolve(options.path), options))
  await database.transaction(() => createOwnTables(database))
  const { snapshotTo, snapshotEvery } = options
  // Readers are to see what is live only: what happens elsewhere makes no copy.
  const isCopied = snapshotTo !== undefined && context.generation === undefined
  const snapshots = isCopied ? new Snapshots(database, resolve(snapshotTo), snapshotEvery, context.logger) : undefined
  const resources = opening.move()
  if (snapshots !== undefined) resources.use(snapshots)
  const sinks: Sink[] = []
  return {
    async sink(source, signal) {
      const sinkOptions: DuckdbOptions = { ...shared, source, onChange: snapshots?.touch ?? (() => {}) }
      const place = await takePlace(database, sinkOptions, signal)
      const sink = new (shared.history ? DuckdbSink : RowsSink)(place, sinkOptions)
      sinks.push(sink)
      return sink
    },
    async [Symbol.asyncDispose]() {
      await using _ = resources
      for (const sink of sinks) await sink[Symbol.asyncDispose]()
    },
  }
}

/** Of the schema and of the table in it. */
function templateOf(name: string): { schema: string; table: string } {
  const dot = name.indexOf('.')
  return dot === -1 ? { schema: 'main', table: name } : { schema: name.slice(0, dot), table: name.slice(dot + 1) }
}
