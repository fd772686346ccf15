import { z } from 'zod'
import type { Finding, SinkContext } from '../runtime/contract.ts'
import { errorFinding } from '../runtime/error-finding.ts'
import { nameTemplate } from '../runtime/naming.ts'
import { defineSink } from '../runtime/plugin.ts'
import { addressOf } from './kafka/address.ts'
import { Client } from './kafka/client.ts'
import { parseKeys } from './kafka/keys.ts'
import { KafkaSink } from './kafka/sink.ts'
import { Topics } from './kafka/topics.ts'

const config = z.strictObject({
  url: z
    .string()
    .min(1)
    .describe('Brokers to begin with: kafka://user:password@host:9092,host:9092?sslmode=verify-full'),
  mechanism: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .default('scram-sha-512')
    .describe('Of SASL, by which the user of the url logs in.'),
  name: nameTemplate('{source}.{schema}.{table}').describe('Of the topic of a table.'),
  keys: z
    .record(z.string(), z.array(z.string().min(1)).min(1))
    .default({})
    .describe('By patterns of full names, for tables without a key: columns that make the key of a message.'),
  tombstones: z
    .boolean()
    .default(true)
    .describe('Behind a delete comes a message without a value, by which compaction forgets the key.'),
  create: z.boolean().default(true).describe('Topics that are missing are made.'),
  partitions: z.int().min(1).optional().describe('Of topics that are made. Default: that of the cluster.'),
  replication: z.int().min(1).optional().describe('Replicas of topics that are made. Default: that of the cluster.'),
  topicConfig: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe('Of topics that are made, such as cleanup.policy.'),
  compression: z.enum(['none', 'gzip', 'zstd']).default('none').describe('Of what is sent and kept.'),
})
type Config = z.infer<typeof config>

/**
 * Every change as a message in Debezium's envelope, in a topic per table of Kafka; those of one key in the log's order, in
 * one partition.
 */
export default defineSink<Config>({
  type: 'kafka',
  config,
  reads: 'history',
  async sink({ url, mechanism, compression, tombstones, ...options }, context, source, signal) {
    const keys = parseKeys(options.keys)
    const client = await Client.open(addressOf(url, mechanism), { ...context, compression }, signal)
    const topics = new Topics(client, { ...options, pipeline: context.pipeline })
    return new KafkaSink({ client, topics, keys, tombstones, source })
  },
  check: async (options, context, signal) => check(options, context, signal),
  // What was published is others' by now.
  destroy: async () => [],
})

async function check({ url, mechanism }: Config, context: SinkContext, signal: AbortSignal): Promise<Finding[]> {
  try {
    const address = addressOf(url, mechanism)
    await using client = await Client.open(address, { ...context, compression: 'none' }, signal)
    const brokers = await client.brokers(signal)
    const what = `A cluster of ${brokers} ${brokers === 1 ? 'broker' : 'brokers'} answers at ${address.server}.`
    const findings: Finding[] = [{ level: 'ok', code: 'TARGET_REACHED', message: what }]
    if (address.risk !== undefined)
      findings.push({
        level: 'warning',
        code: 'SINK_TLS',
        message: `${address.risk}.`,
        fix: 'Use sslmode=verify-full with sslrootcert.',
      })
    return findings
  } catch (error) {
    return [errorFinding(error)]
  }
}
