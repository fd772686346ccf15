import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { chooseCache } from '../cache-server.ts'
import type { RedisAddress } from '../redis-client.ts'
import type { Stage } from '../stage.ts'
import type { Workspace } from '../workspace.ts'
import { CacheSink } from './cache.ts'
import { EngineSink } from './engine.ts'
import { FilesSink } from './files.ts'
import { SearchSink } from './search.ts'
import type { DemoSink } from './sink.ts'
import { WarehouseSink } from './warehouse.ts'

/** The sinks that the demo has on this machine. */
export interface DemoSinks {
  /** Name of the pipeline. */
  readonly pipeline: string
  readonly all: readonly DemoSink[]
  readonly search: SearchSink
  readonly cache: CacheSink | undefined
  readonly engine: EngineSink | undefined
  readonly warehouse: WarehouseSink | undefined
  /** Names of those that it goes without, and why. */
  readonly missing: ReadonlyMap<string, string>
}

/** Servers that may run already; undefined: nothing of that kind is wanted. */
export interface Neighbours {
  readonly redis: RedisAddress | undefined
  /** Url of a search engine. */
  readonly engine: string | undefined
}

/** Starts what they need. */
export async function chooseSinks(
  stage: Stage,
  workspace: Workspace,
  { redis, engine: engineUrl }: Neighbours,
): Promise<DemoSinks> {
  const { folder } = workspace
  const missing = new Map<string, string>()
  // Of this demo alone: it may share a server with another one, and with pipelines of its owner's.
  const unique = `demo_${randomBytes(3).toString('hex')}`
  const { server, note } = await chooseCache(
    {
      address: redis,
      path: process.env.PATH ?? '',
      folder: join(folder, 'redis'),
      prefix: unique,
      signal: stage.signal,
    },
    stage.own,
  )
  const found = engineUrl === undefined ? 'as wished' : await EngineSink.find(engineUrl, unique, stage.signal)
  const engine = typeof found === 'string' ? undefined : found
  const pipeline = server?.isShared === true || engine !== undefined ? unique : 'demo'
  const cache = server === undefined ? undefined : new CacheSink(server, pipeline, note, stage.signal)
  if (cache === undefined) missing.set('cache', `none: ${note}`)
  if (typeof found === 'string') missing.set('engine', `none: ${found}`)
  const warehouse = await WarehouseSink.create(folder)
  if (warehouse === undefined)
    missing.set('warehouse', 'none: its driver cannot be loaded (npm install @duckdb/node-api)')
  const search = await SearchSink.create(folder)
  const all = [search, engine, cache, warehouse, new FilesSink(folder)].filter(sink => sink !== undefined)
  return { pipeline, all, search, engine, cache, warehouse, missing }
}
