import type { Connection } from './connection.ts'
import { isReplyError, type Reply } from './reply.ts'
import { clusterError, replicaError } from './server-error.ts'

/** What kind of server answers. */
export interface ServerFacts {
  /** `Redis 7.0.15` or `Valkey 9.1.2`; undefined where the user may not ask. */
  readonly version: string | undefined
  readonly evictionPolicy: string | undefined
}

/** Throws SINK_CLUSTER, SINK_REPLICA. A user without the right to ask learns that at the first write. */
export async function serverFacts(connection: Connection): Promise<ServerFacts> {
  const reply = await connection.try('INFO')
  if (isReplyError(reply) && !reply.error.startsWith('NOPERM')) throw connection.refusal(reply.error)
  const info = infoOf(reply)
  const at = `Redis at ${connection.server}`
  const mode = info.get('redis_mode') ?? info.get('server_mode') ?? 'standalone'
  if (mode !== 'standalone') throw clusterError(at, mode === 'cluster' ? 'is part of a cluster' : `is a ${mode}`)
  if ((info.get('role') ?? 'master') !== 'master') throw replicaError(at)
  return { version: versionOf(info), evictionPolicy: info.get('maxmemory_policy') }
}

/** What an eviction policy would do to the rows; undefined if it leaves them alone. */
export function evictionRisk(policy: string | undefined): string | undefined {
  if (policy === undefined || policy === 'noeviction') return undefined
  return `maxmemory-policy is ${policy}: once its memory is full the server drops rows, or the cursor, after which all is built anew`
}

export const EVICTION_FIX = 'CONFIG SET maxmemory-policy noeviction'

function infoOf(reply: Reply): Map<string, string> {
  const text = Buffer.isBuffer(reply) ? reply.toString() : ''
  const facts = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0 && !line.startsWith('#')) facts.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return facts
}

function versionOf(info: ReadonlyMap<string, string>): string | undefined {
  const valkey = info.get('valkey_version')
  if (valkey !== undefined) return `Valkey ${valkey}`
  const redis = info.get('redis_version')
  return redis === undefined ? undefined : `Redis ${redis}`
}
