import { z } from 'zod'
import type { Finding, SinkContext } from '../runtime/contract.ts'
import { errorFinding } from '../runtime/error-finding.ts'
import { nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { shownInJson } from '../runtime/record/text.ts'
import { addressOf } from './elasticsearch/address.ts'
import { Client } from './elasticsearch/client.ts'
import { serverVersion } from './elasticsearch/facts.ts'
import { drop, recall, removeAll, swap } from './elasticsearch/generations.ts'
import { purge } from './elasticsearch/purge.ts'
import { ElasticsearchTarget } from './elasticsearch/target.ts'

const object = z.record(z.string(), z.unknown())

const config = z.strictObject({
  url: z.string().min(1).describe('http://127.0.0.1:9200 or https://user:password@host:9200.'),
  apiKey: z.string().min(1).optional().describe('An encoded API key, in the place of user and password.'),
  name: nameTemplate('{pipeline}-{schema}-{table}').describe(
    'Alias by which readers find a table; behind it stands an index of its own name.',
  ),
  mappings: z
    .record(z.string(), z.record(z.string(), object))
    .default({})
    .describe(
      'By full name of a table and column: the mapping of its field, in the place of the one made of its type.',
    ),
  settings: object.default({}).describe('Settings of new indexes, such as number_of_replicas.'),
  refresh: z
    .enum(['false', 'wait_for', 'true'])
    .default('false')
    .describe('When searches find what a batch wrote. false: within the refresh interval of the index, a second.'),
  compress: z.boolean().default(false).describe('Requests and answers are sent with gzip.'),
})
type Config = z.infer<typeof config>

/**
 * Rows in Elasticsearch (7.10 to 9) or OpenSearch (2, 3), a document each, in an index per table behind an alias. Every
 * write has the row's version, and an older one is refused; the cursor moves once a batch is durable.
 */
export default defineSink<Config>({
  type: 'elasticsearch',
  config,
  coalesce: true,
  shown: (_, { columns }) => columns.map(shownInJson),
  async open(options, context) {
    const { url, apiKey, ...rest } = options
    return new ElasticsearchTarget({ ...rest, address: addressOf(url, apiKey) }, context)
  },
  check: async (options, context, signal) => check(options, context, signal),
  destroy: async (options, context, signal) => withClient(options, client => removeAll(client, context, signal)),
  generations: {
    swap: async (options, context, signal) => withClient(options, client => swap(client, context, signal)),
    recall: async (options, context, signal) => withClient(options, client => recall(client, context, signal)),
    drop: async (options, context, generation, signal) =>
      withClient(options, client => drop(client, context, generation, signal)),
  },
  purge: async (options, context, what, signal) =>
    withClient(options, client => purge(client, context, options.settings, what, signal)),
})

async function withClient<T>({ url, apiKey, compress }: Config, work: (client: Client) => Promise<T>): Promise<T> {
  await using client = new Client(addressOf(url, apiKey), compress)
  return await work(client)
}

async function check(options: Config, _context: SinkContext, signal: AbortSignal): Promise<Finding[]> {
  try {
    const { risk } = addressOf(options.url, options.apiKey)
    const { server, version } = await withClient(options, async client => ({
      server: client.server,
      version: await serverVersion(client, signal),
    }))
    const findings: Finding[] = [{ level: 'ok', code: 'TARGET_REACHED', message: `${version} answers at ${server}.` }]
    if (risk !== undefined)
      findings.push({ level: 'warning', code: 'SINK_TLS', message: `${risk}.`, fix: 'Use https:// with sslrootcert.' })
    return findings
  } catch (error) {
    return [errorFinding(error)]
  }
}
