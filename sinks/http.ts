import { z } from 'zod'
import type { Finding } from '../runtime/contract.ts'
import { errorFinding } from '../runtime/error-finding.ts'
import { defineSink } from '../runtime/plugin.ts'
import { durationOption } from '../runtime/quantity.ts'
import { addressOf } from './http/address.ts'
import { HttpSink } from './http/sink.ts'

const config = z.strictObject({
  url: z.string().min(1).describe('Where every batch is posted to: https://user:password@host/path.'),
  secret: z.string().min(16).optional().describe('Signs every request (HMAC-SHA-256), 16 characters at least.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/, 'is no name of a header'), z.string())
    .default({})
    .describe('Further headers of every request, such as authorization.'),
  timeout: durationOption().prefault('30s').describe('Without an answer for so long a request is sent again.'),
  compress: z.boolean().default(false).describe('Requests are sent with gzip.'),
})
type Config = z.infer<typeof config>

/**
 * Every change, in the log's order, as batches of JSON posted to a web service, one after the other. A batch is sent until
 * it is answered with 2xx, with the same idempotency key each time it has the same changes.
 */
export default defineSink<Config>({
  type: 'http',
  config,
  reads: 'history',
  sink: async ({ url, ...options }, context, source) => new HttpSink(addressOf(url), options, context, source),
  check: async ({ url }) => check(url),
  destroy: async () => [],
})

async function check(url: string): Promise<Finding[]> {
  try {
    const { risk, server } = addressOf(url)
    // A request would be taken for changes: whether the service answers shows when there are some.
    if (risk === undefined) return [{ level: 'ok', code: 'TARGET_NOTED', message: `Batches go to ${server}.` }]
    return [{ level: 'warning', code: 'SINK_TLS', message: `${risk}.`, fix: 'Use https://.' }]
  } catch (error) {
    return [errorFinding(error)]
  }
}
