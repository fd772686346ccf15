import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { Finding, SinkContext, Target } from '../runtime/contract.ts'
import { errorMessage, isTailraceError } from '../runtime/errors.ts'
import { generationPrefix } from '../runtime/generation.ts'
import { Names, nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { checkWritable } from '../runtime/writable.ts'
import { Catalog } from './sqlite/catalog.ts'
import { CursorRow } from './sqlite/cursor-row.ts'
import { checkDatabase, Database } from './sqlite/database.ts'
import { drop, recall, swap } from './sqlite/generations.ts'
import { TABLE_NAMES } from './sqlite/layout.ts'
import { purge } from './sqlite/purge.ts'
import { removeAll } from './sqlite/remove.ts'
import { SqliteSink } from './sqlite/sink.ts'
import { shownOf } from './sqlite/values.ts'

const config = z.strictObject({
  path: z.string().min(1).describe('The database file; relative to this file.'),
  name: nameTemplate('{schema}_{table}').describe('Name of a table in the database.'),
  search: z
    .record(z.string(), z.array(z.string()).min(1))
    .default({})
    .describe('By full name of a table: columns to search in, through an FTS5 table <table>_search.'),
})
type Config = z.infer<typeof config>

/**
 * Rows in a SQLite database: a table each, columns by their own names, an FTS5 index over chosen columns. Rows, index
 * and cursor move in one transaction a batch, on disk when `write` resolves.
 */
export default defineSink<Config>({
  type: 'sqlite',
  config,
  host: 'worker',
  coalesce: true,
  shown: (_, table) => table.columns.map(shownOf),
  open: async (options, context) => open(options, context),
  check: async ({ path }) => checkFile(resolve(path)),
  destroy: async ({ path }, context) => removeAll(resolve(path), context),
  generations: {
    swap: async ({ path }, context) => swap(resolve(path), context),
    recall: async ({ path }, context) => recall(resolve(path), context),
    drop: async ({ path }, context, generation) => drop(resolve(path), context, generation),
  },
  purge: async ({ path }, context, { rows }, signal) => purge(resolve(path), context, rows, signal),
})

function open(options: Config, context: SinkContext): Target {
  const path = resolve(options.path)
  prepareFile(path)
  const database = new Database(path)
  database.transaction(() => {
    CursorRow.create(database)
    Catalog.create(database)
  })
  const names = new Names(options.name, context.pipeline, TABLE_NAMES)
  const search = new Map(Object.entries(options.search))
  const sinks: SqliteSink[] = []
  return {
    async sink(source) {
      const catalog = { names, prefix: generationPrefix(context), search, marks: context.onDelete === 'mark' }
      const sink = new SqliteSink(database, context, source, catalog)
      sinks.push(sink)
      return sink
    },
    async [Symbol.asyncDispose]() {
      try {
        for (const sink of sinks) await sink[Symbol.asyncDispose]()
      } finally {
        database[Symbol.dispose]()
      }
    },
  }
}

/** Readable by its owner alone: the database is a copy of the source's data. */
function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
}

async function checkFile(path: string): Promise<Finding[]> {
  const findings = [await checkWritable(path)]
  if (!existsSync(path)) return findings
  try {
    checkDatabase(path)
  } catch (error) {
    const { code, hint } = isTailraceError(error) ? error : { code: 'TARGET_UNREADABLE', hint: undefined }
    findings.push({ level: 'error', code, message: errorMessage(error), ...(hint === undefined ? {} : { fix: hint }) })
  }
  return findings
}
