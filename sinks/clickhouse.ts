import { z } from 'zod'
import type { Finding, SinkContext } from '../runtime/contract.ts'
import { errorFinding } from '../runtime/error-finding.ts'
import { nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { addressOf } from './clickhouse/address.ts'
import { Client } from './clickhouse/client.ts'
import { findingsOf } from './clickhouse/facts.ts'
import { drop, recall, removeAll, swap } from './clickhouse/generations.ts'
import type { LayoutOptions } from './clickhouse/layout.ts'
import { purge } from './clickhouse/purge.ts'
import { shownOf } from './clickhouse/shown.ts'
import { storageOf } from './clickhouse/storage.ts'
import { ClickhouseTarget } from './clickhouse/target.ts'
import { asTextOption, namedColumns } from './common/column-key.ts'

const config = z.strictObject({
  url: z
    .string()
    .min(1)
    .describe('http://127.0.0.1:8123/database or https://user:password@host:8443/database, of the HTTP interface.'),
  mode: z
    .enum(['rows', 'changes'])
    .default('rows')
    .describe(
      'rows: the current rows, read with FINAL. changes: a row for every change, with kind, commit time and version.',
    ),
  name: nameTemplate('{schema}.{table}').describe(
    'Database and table; without a dot, a table of the database in `url`.',
  ),
  asText: asTextOption(),
  settings: z
    .record(z.string().regex(/^\w+$/), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe('Settings of new tables, beside fsync_after_insert = 1 and fsync_part_directory = 1.'),
})
type Config = z.infer<typeof config>

/**
 * Rows in ClickHouse (24.3 and later), in a ReplacingMergeTree per table: every row has its version, and of a key's rows the
 * newest counts. The cursor moves once a batch is on disk.
 */
export default defineSink<Config>({
  type: 'clickhouse',
  config,
  coalesce: true,
  reads: ({ mode }) => (mode === 'changes' ? 'history' : 'state'),
  shown: ({ asText }, table) => {
    const texts = namedColumns(asText)
    return table.columns.map(column => shownOf(column, storageOf(table, column, texts)))
  },
  async open(options, context) {
    const { url, name } = options
    return new ClickhouseTarget({ ...layoutOptions(options, context), address: addressOf(url), name }, context)
  },
  check: async (options, _context, signal) => check(options, signal),
  destroy: async (options, context, signal) => withClient(options, client => removeAll(client, context, signal)),
  generations: {
    refusal: ({ mode }) => (mode === 'changes' ? NO_HISTORY : undefined),
    swap: async (options, context, signal) => withClient(options, client => swap(client, context, signal)),
    recall: async (options, context, signal) => withClient(options, client => recall(client, context, signal)),
    drop: async (options, context, generation, signal) =>
      withClient(options, client => drop(client, context, generation, signal)),
  },
  purge: async (options, context, what, signal) =>
    withClient(options, client => purge(client, context, layoutOptions(options, context), what, signal)),
})

const NO_HISTORY =
  'With `mode: changes` the log may no longer have all that the tables hold. Use tailrace replay for a part of the history.'

function layoutOptions({ mode, asText, settings }: Config, { onDelete }: SinkContext): LayoutOptions {
  return { history: mode === 'changes', marks: onDelete === 'mark', asText: namedColumns(asText), settings }
}

async function withClient<T>({ url }: Config, work: (client: Client) => Promise<T>): Promise<T> {
  await using client = new Client(addressOf(url))
  return await work(client)
}

async function check(options: Config, signal: AbortSignal): Promise<Finding[]> {
  try {
    const { risk } = addressOf(options.url)
    const findings = await withClient(options, client => findingsOf(client, signal))
    if (risk !== undefined)
      findings.push({ level: 'warning', code: 'SINK_TLS', message: `${risk}.`, fix: 'Use https:// with sslrootcert.' })
    return findings
  } catch (error) {
    return [errorFinding(error)]
  }
}
