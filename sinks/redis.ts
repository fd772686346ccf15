import { z } from 'zod'
import type { Finding, Sink, SinkContext, Target } from '../runtime/contract.ts'
import { errorFinding } from '../runtime/error-finding.ts'
import { generationOwner, generationPrefix } from '../runtime/generation.ts'
import { nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { durationOption } from '../runtime/quantity.ts'
import { shownInJson } from '../runtime/record/text.ts'
import { addressOf, serverName } from './redis/address.ts'
import { Connection } from './redis/connection.ts'
import { EVICTION_FIX, evictionRisk, serverFacts } from './redis/facts.ts'
import { drop, recall, removeAll, settle, swap } from './redis/generations.ts'
import { KeyNames } from './redis/key-names.ts'
import { INVALIDATES } from './redis/remove.ts'
import { RowSink } from './redis/row-sink.ts'
import { RedisSink, type RedisSinkParts, takeOver } from './redis/sink.ts'

const config = z.strictObject({
  url: z.string().min(1).describe('redis://user:password@host:6379/0, or rediss:// for TLS.'),
  name: nameTemplate('{schema}.{table}').describe(
    'What the keys of a table begin with; behind it a colon and the key.',
  ),
  value: z
    .enum(['json', 'hash'])
    .default('json')
    .describe('json: a row is a string of JSON. hash: a row is a hash, a field per column, none where it is null.'),
  mode: z
    .enum(['set', 'invalidate'])
    .default('set')
    .describe('set: keys hold the rows. invalidate: the application fills the keys, every change deletes its own.'),
  ttl: durationOption()
    .optional()
    .describe('Keys go this long after the last change of their row. Default: they stay.'),
})
type Config = z.infer<typeof config>

/**
 * Rows in Redis or Valkey, a key each: `{schema}.{table}:<key>`. Rows and cursor move in one MULTI a batch, which runs
 * only if nobody touched the cursor meanwhile. As durable as the server is set to be: what it loses, rows and cursor
 * lose together, and it comes again.
 */
export default defineSink<Config>({
  type: 'redis',
  config,
  coalesce: true,
  shown: ({ value }, { columns }) => columns.map(value === 'json' ? shownInJson : () => undefined),
  open: async (options, context) => open(options, context),
  check: async ({ url }, context, signal) => check(url, context, signal),
  destroy: async ({ url }, context, signal) => removeAll(addressOf(url), context, signal),
  generations: {
    refusal: ({ mode }) =>
      mode === 'invalidate' ? 'with `mode: invalidate` the keys are the application’s' : undefined,
    swap: async ({ url }, context, signal) => swap(addressOf(url), context, signal),
    recall: async ({ url }, context, signal) => recall(addressOf(url), context, signal),
    drop: async ({ url }, context, generation, signal) => drop(addressOf(url), context, generation, signal),
  },
})

function open(options: Config, context: SinkContext): Target {
  const address = addressOf(options.url)
  const names = new KeyNames(options.name, context.pipeline, generationPrefix(context))
  const { value, mode, ttl, name } = options
  const owner = generationOwner(context.name, context.generation)
  const sinks: Sink[] = []
  let settled: Promise<void> | undefined
  // All sources together: each alone would be in the others' way.
  const settleOnce = (signal: AbortSignal): Promise<void> => {
    settled ??= settle(address, context, signal).catch(error => {
      settled = undefined
      throw error
    })
    return settled
  }
  return {
    async sink(source, signal) {
      const connectionName = `tailrace:${context.pipeline}:${owner}:${source.name}`
      const connection = await Connection.open(address, connectionName, signal)
      const abort = (): void => connection.abort(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      try {
        const { evictionPolicy } = await serverFacts(connection)
        const risk = evictionRisk(evictionPolicy)
        if (risk !== undefined) context.logger.warn({ server: connection.server, fix: EVICTION_FIX }, risk)
        await settleOnce(signal)
        const parts: RedisSinkParts = {
          ...{ address, connectionName, connection, context, source, names },
          rows: { value, mode, ttl, onDelete: context.onDelete, logId: source.logId },
          layout: mode === 'invalidate' ? `${INVALIDATES} ${name}` : `${value} ${name}`,
        }
        const taken = await takeOver(parts, signal)
        // Rows that go by themselves cannot be told from rows that are missing.
        const sink = mode === 'set' && ttl === undefined ? new RowSink(parts, taken) : new RedisSink(parts, taken)
        sinks.push(sink)
        return sink
      } catch (error) {
        connection.fail(error)
        throw error
      } finally {
        signal.removeEventListener('abort', abort)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const sink of sinks) await sink[Symbol.asyncDispose]()
    },
  }
}

async function check(url: string, context: SinkContext, signal: AbortSignal): Promise<Finding[]> {
  try {
    const address = addressOf(url)
    await using connection = await Connection.open(address, `tailrace:${context.pipeline}:check`, signal)
    const { version, evictionPolicy } = await serverFacts(connection)
    const what = version ?? 'A server'
    const findings: Finding[] = [
      { level: 'ok', code: 'TARGET_REACHED', message: `${what} answers at ${serverName(address)}.` },
    ]
    if (address.unverified)
      findings.push({
        level: 'warning',
        code: 'SINK_TLS',
        message: `sslmode=require encrypts but does not verify that the server is ${address.host}.`,
        fix: 'Use sslmode=verify-full with sslrootcert.',
      })
    const risk = evictionRisk(evictionPolicy)
    if (risk !== undefined)
      findings.push({ level: 'warning', code: 'SINK_EVICTION', message: `${risk}.`, fix: EVICTION_FIX })
    else if (evictionPolicy !== undefined)
      findings.push({
        level: 'ok',
        code: 'SINK_EVICTION',
        message: 'The server drops nothing on its own (noeviction).',
      })
    return findings
  } catch (error) {
    return [errorFinding(error)]
  }
}
