import { resolve } from 'node:path'
import type { Finding, SinkContext, Target } from '../runtime/contract.ts'
import { errorFinding } from '../runtime/error-finding.ts'
import { Names } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { isLoopback } from '../runtime/tls.ts'
import { namedColumns } from './common/column-key.ts'
import { FOLDER_NAMES } from './common/folder-names.ts'
import { checkFile } from './duckdb-file/check.ts'
import { Database } from './duckdb-file/database.ts'
import { storageIn, TABLE_NAMES } from './duckdb-file/layout.ts'
import { RowsSink } from './duckdb-file/rows-sink.ts'
import { shownOf } from './duckdb-file/shown.ts'
import { type DuckdbOptions, DuckdbSink, takePlace } from './duckdb-file/sink.ts'
import { BucketPlace } from './parquet/bucket-place.ts'
import { FolderPlace } from './parquet/folder-place.ts'
import { type ParquetConfig, parquetConfig, partitioning, storeFiles } from './parquet/options.ts'
import type { Place } from './parquet/place.ts'
import { Publisher } from './parquet/publisher.ts'
import { purge } from './parquet/purge.ts'
import { removeAll } from './parquet/remove.ts'
import { Sets } from './parquet/sets.ts'
import { ChangesSink, CurrentRowsSink, type ParquetSink } from './parquet/sink.ts'
import { takeUpStore, waiting } from './parquet/store.ts'

/**
 * Parquet files of every change, or of the current rows, and a manifest that lists those of a whole set. What `write` was
 * given is durable in a DuckDB file beside them when it resolves; the files are made from that.
 */
export default defineSink<ParquetConfig>({
  type: 'parquet',
  config: parquetConfig,
  reads: ({ mode }) => (mode === 'changes' ? 'history' : 'state'),
  shown: (options, table) => {
    const asText = namedColumns(options.asText)
    return table.columns.map(column => shownOf(column, storageIn(table, column, { asText })))
  },
  open,
  check,
  destroy: async (options, context, signal) => {
    await using place = await placeOf(options)
    return await removeAll(place, storeFiles(options), context, signal)
  },
  purge: async (options, context, { tables, rows }, signal) => {
    await using place = await placeOf(options)
    return await purge({ ...settingsOf(options, context), place, tables, rows }, signal)
  },
})

async function placeOf({ path, url, ...options }: ParquetConfig): Promise<Place> {
  return url === undefined ? new FolderPlace(resolve(path)) : await BucketPlace.open({ url, ...options })
}

/** A bucket is asked for its manifest, which takes the keys and the right to read. */
async function check(options: ParquetConfig, _: SinkContext, signal: AbortSignal): Promise<Finding[]> {
  const findings = await checkFile(storeFiles(options).path)
  if (options.url === undefined) return findings
  try {
    await using place = await placeOf(options)
    await place.read(signal)
    findings.push({ level: 'ok', code: 'TARGET_REACHED', message: `${place.name} answers.` })
    const risk = riskOf(options)
    if (risk !== undefined)
      findings.push({ level: 'warning', code: 'SINK_TLS', message: `${risk}.`, fix: 'Use https:// in `endpoint`.' })
  } catch (error) {
    findings.push(errorFinding(error))
  }
  return findings
}

function riskOf({ endpoint }: ParquetConfig): string | undefined {
  if (endpoint === undefined) return undefined
  const { protocol, hostname, host } = new URL(endpoint)
  return protocol === 'http:' && !isLoopback(hostname.replace(/[[\]]/g, ''))
    ? `rows go to ${host} unencrypted`
    : undefined
}

function settingsOf(options: ParquetConfig, context: SinkContext) {
  const { compression, file, keepReplaced, mode } = options
  const files = storeFiles(options)
  return {
    files,
    mode,
    context,
    names: new Names('{table}', context.pipeline, FOLDER_NAMES),
    partitionBy: partitioning(options),
    staging: files.staging,
    compression,
    fileBytes: file.bytes,
    keepReplacedMs: keepReplaced,
  }
}

async function open(options: ParquetConfig, context: SinkContext): Promise<Target> {
  const { mode, file, snapshotEvery } = options
  const settings = settingsOf(options, context)
  const signal = new AbortController().signal
  await using opening = new AsyncDisposableStack()
  const place = opening.use(await placeOf(options))
  const database = opening.use(await Database.open(settings.files.path, options))
  const sets = await Sets.open(place, database, context, mode, signal)
  await takeUpStore(database, sets, context, settings.staging, signal)
  const limits = { ...file, waitMs: mode === 'changes' ? file.wait : snapshotEvery }
  const publishing = { ...settings, database, sets }
  const publisher = opening.use(new Publisher(publishing, limits, await waiting(database, sets, context)))
  const resources = opening.move()
  const shared: Omit<DuckdbOptions, 'source'> = {
    context,
    template: { schema: 'main', table: options.name },
    names: new Names('{table}', context.pipeline, TABLE_NAMES),
    prefix: '',
    history: mode === 'changes',
    marks: context.onDelete === 'mark',
    asText: namedColumns(options.asText),
    onChange: publisher.touch,
  }
  const sinks: ParquetSink[] = []
  return {
    async sink(source, signal) {
      const storeOptions = { ...shared, source }
      const taken = await takePlace(database, storeOptions, signal)
      if (mode === 'changes' && taken.cursorRow.cursor === undefined)
        await publisher.drop(source.name, table => sourceOf(table) === source.name, signal)
      const sink =
        mode === 'changes'
          ? new ChangesSink(new DuckdbSink(taken, storeOptions), publisher)
          : new CurrentRowsSink(new RowsSink(taken, storeOptions), publisher)
      sinks.push(sink)
      return sink
    },
    async [Symbol.asyncDispose]() {
      await using _ = resources
      for (const sink of sinks) await sink[Symbol.asyncDispose]()
    },
  }
}

/** A source's name needs no quotes. */
function sourceOf(table: string): string {
  return table.slice(0, table.indexOf('.'))
}
