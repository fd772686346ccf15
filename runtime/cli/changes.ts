import { once } from 'node:events'
import { databaseOf, type FeedRequest, feed } from '../change-feed.ts'
import { TailraceError } from '../errors.ts'
import { createLogger } from '../logger.ts'
import type { PipelineConfig } from '../pipeline-config.ts'
import { findProcess } from './client.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-code.ts'
import { inspectLogs } from './inspect.ts'

export interface ChangesOptions {
  readonly table?: readonly string[]
  readonly key?: string
  readonly from?: string
  readonly since?: string
  readonly follow?: boolean
}

const NEWLINE = Buffer.from('\n')

/** Prints changes as lines of JSON, from the running process or else from the logs. */
export async function changes(context: Context, options: ChangesOptions): Promise<number> {
  const since = options.since === undefined ? undefined : parseTime(options.since)
  const { client, config } = await findProcess(context)
  try {
    if (client === undefined) await readLogs(context, config!, request(options, since))
    else {
      const accept = 'application/x-ndjson'
      const response = await client.ask(`/changes?${query(options)}`, { accept, signal: context.signal })
      for await (const bytes of response.body ?? []) await write(context, bytes)
    }
  } catch (error) {
    // Ctrl-C is how following ends.
    if (!context.signal.aborted) throw error
  }
  return EXIT.fine
}

async function readLogs(context: Context, config: PipelineConfig, wanted: FeedRequest): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const logs = await inspectLogs(config, createLogger('warn'), stack)
  const sources = logs.map(({ source, log }) => ({
    name: source.name,
    type: source.plugin.type,
    database: databaseOf(source.options),
    log,
  }))
  await feed(sources, wanted, ({ bytes }) => write(context, Buffer.concat([bytes, NEWLINE])), context.signal)
}

function request({ table, key, from = 'start', follow = false }: ChangesOptions, since: Date | undefined): FeedRequest {
  return {
    from,
    follow,
    ...(table !== undefined && { tables: table }),
    ...(key !== undefined && { key }),
    ...(since !== undefined && { since: BigInt(since.getTime()) * 1000n }),
  }
}

function query({ table = [], key, from = 'start', since, follow = false }: ChangesOptions): URLSearchParams {
  const parameters = new URLSearchParams({ from, follow: String(follow) })
  for (const pattern of table) parameters.append('tables', pattern)
  if (key !== undefined) parameters.set('key', key)
  if (since !== undefined) parameters.set('since', new Date(since).toISOString())
  return parameters
}

function parseTime(text: string): Date {
  const time = new Date(text)
  if (!Number.isNaN(time.getTime())) return time
  throw new TailraceError('USAGE', 'stop', `"${text}" is not a time.`, { hint: '--since 2026-01-31T12:00:00Z' })
}

async function write({ io, signal }: Context, bytes: Uint8Array): Promise<void> {
  if (!io.out.write(bytes)) await once(io.out, 'drain', { signal })
}
