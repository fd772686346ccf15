import { mkdir } from 'node:fs/promises'
import { sleep } from '../abort.ts'
import { isTailraceError } from '../errors.ts'
import { freePort } from './free-port.ts'
import { type RedisAddress, RedisClient, ReplyError } from './redis-client.ts'
import { installedRedis, RedisProcess } from './redis-process.ts'

/** Which Redis holds the demo's cache: the one that runs here anyway, else one of our own, else none. */

export interface CacheServer extends RedisAddress {
  /** `Redis 7.0.15` */
  readonly version: string
  /** It is somebody's, and what the demo makes there must go. */
  readonly isShared: boolean
}

/** `note`: why it is not the one at the address; without a server: why there is none. */
export type CacheChoice =
  | { readonly server: CacheServer; readonly note: string | undefined }
  | { readonly server: undefined; readonly note: string }

export interface CacheWish {
  /** Where a Redis may run already; undefined: no Redis is wanted at all. */
  readonly address: RedisAddress | undefined
  /** Folders of programs, as in PATH. */
  readonly path: string
  /** For a server of our own; it is made then. */
  readonly folder: string
  /** What the demo's keys on a server of somebody's begin with. */
  readonly prefix: string
  readonly signal: AbortSignal
}

const LOOK_MS = 2000
const START_MS = 10_000
const START_ATTEMPTS = 3
/** The demo's rows take some 40 MB. */
const ROOM_BYTES = 128 * 1024 * 1024
/** The sink, its removal and the comparison each walk over all keys. */
const MOST_KEYS = 1_000_000

/** `own` takes what is to be ended with the demo. */
export async function chooseCache(wish: CacheWish, own: (server: AsyncDisposable) => void): Promise<CacheChoice> {
  const { address, path, folder, signal } = wish
  if (address === undefined) return { server: undefined, note: 'as wished' }
  const { version, problem } = await look(address, wish.prefix, signal)
  if (version !== undefined) return { server: { ...address, version, isShared: true }, note: undefined }
  const program = await installedRedis(path)
  if (program === undefined) {
    const why = problem ?? 'no Redis answers or is installed'
    return { server: undefined, note: `${why} (apt or brew install redis)` }
  }
  await mkdir(folder, { recursive: true })
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const port = await freePort()
    const server = RedisProcess.spawn(program, folder, { port: `${port}` })
    const started = await startedVersion(server, { host: '127.0.0.1', port }, wish)
    if (started === undefined) await server[Symbol.asyncDispose]()
    else {
      own(server)
      return { server: { host: '127.0.0.1', port, version: started, isShared: false }, note: problem }
    }
  }
  return { server: undefined, note: `${program[0]} does not start` }
}

/** Undefined if it ended, or is no use. */
async function startedVersion(
  server: RedisProcess,
  address: RedisAddress,
  { prefix, signal }: CacheWish,
): Promise<string | undefined> {
  try {
    const deadline = Date.now() + START_MS
    while (server.running && Date.now() < deadline) {
      const { version, problem } = await look(address, prefix, signal)
      if (version !== undefined || problem !== undefined) return version
      await sleep(10, signal)
    }
    return undefined
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

/** A version if it will do, a problem if not, neither if nobody answers. */
interface Look {
  readonly version?: string
  readonly problem?: string
}

async function look(address: RedisAddress, prefix: string, signal: AbortSignal): Promise<Look> {
  const place = `${address.host}:${address.port}`
  const timeout = AbortSignal.timeout(LOOK_MS)
  await using client = new RedisClient(address, AbortSignal.any([signal, timeout]))
  try {
    const [info, keys] = await client.tryAll([['INFO'], ['DBSIZE']])
    if (info instanceof ReplyError) return { problem: `Redis at ${place} ${refusal(info)}` }
    const facts = factsOf(String(info))
    const problem = unfit(facts, Number(keys)) ?? (await refused(client, prefix))
    return problem === undefined ? { version: versionOf(facts) } : { problem: `Redis at ${place} ${problem}` }
  } catch (error) {
    signal.throwIfAborted()
    if (!isTailraceError(error)) throw error
    if (timeout.aborted) return { problem: `Redis at ${place} does not answer` }
    return /ECONN|closed/.test(error.message) ? {} : { problem: `what listens at ${place} is no Redis` }
  }
}

function factsOf(info: string): Map<string, string> {
  return new Map(info.split('\r\n').map(line => [line.split(':', 1)[0]!, line.slice(line.indexOf(':') + 1)]))
}

function versionOf(facts: ReadonlyMap<string, string>): string {
  const valkey = facts.get('valkey_version')
  return valkey === undefined ? `Redis ${facts.get('redis_version')}` : `Valkey ${valkey}`
}

/** Why the demo should not, or cannot, write to such a server. */
function unfit(facts: ReadonlyMap<string, string>, keys: number): string | undefined {
  const mode = facts.get('redis_mode') ?? facts.get('server_mode') ?? 'standalone'
  if (mode !== 'standalone') return mode === 'cluster' ? 'is part of a cluster' : `is a ${mode}`
  if (facts.get('role') !== 'master') return 'is a replica'
  const [most, used] = [Number(facts.get('maxmemory')), Number(facts.get('used_memory'))]
  // With more rows it would drop some, of the demo or of its owner's.
  if (most > 0 && facts.get('maxmemory_policy') !== 'noeviction') return 'drops keys when its memory is full'
  if (most > 0 && most - used < ROOM_BYTES) return 'has little memory left'
  return keys > MOST_KEYS ? 'holds more than a million keys' : undefined
}

/** Asks everything that the sink will ask, on keys of the demo's own, and takes them away again. */
async function refused(client: RedisClient, prefix: string): Promise<string | undefined> {
  const [text, hash, set] = [`${prefix}:probe`, `_tailrace:${prefix}:probe`, `_tailrace:${prefix}:probes`]
  const remove = ['UNLINK', text, hash, set]
  const uses = [
    ['WATCH', hash],
    ['MULTI'],
    ['SET', text, '1'],
    ['HSET', hash, 'a', '1'],
    ['SADD', set, '1'],
    ['EXEC'],
    ['SMEMBERS', '_tailrace'],
    ['HGETALL', hash],
    ['HMGET', hash, 'a'],
    ['HDEL', hash, 'a'],
    ['SREM', set, '1'],
    ['MEMORY', 'USAGE', text],
    ['MGET', text],
    ['SCAN', '0', 'COUNT', '1'],
  ]
  // First of all: what cannot be removed is not written.
  for (const commands of [[remove], uses, [remove]]) {
    const error = (await client.tryAll(commands)).find(reply => reply instanceof ReplyError)
    if (error !== undefined) {
      await client.tryAll([remove])
      return refusal(error)
    }
  }
  return undefined
}

function refusal({ text }: ReplyError): string {
  const [code] = text.split(' ', 1)
  if (code === 'NOAUTH') return 'asks for a password'
  if (code === 'LOADING') return 'is still loading'
  return code === 'NOPERM' ? 'does not permit it' : `refuses: ${text}`
}
