import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { chooseCache } from '../cache-server.ts'
import type { RedisAddress } from '../redis-client.ts'
import type { Stage } from '../stage.ts'
import type { Workspace } from '../workspace.ts'
import { CacheSink } from './cache.ts'
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
  readonly warehouse: WarehouseSink | undefined
  /** Names of those that it goes without, and why. */
  readonly missing: ReadonlyMap<string, string>
}

/** Starts what they need. `redis`: where a Redis may run already; undefined: no cache. */
export async function chooseSinks(
  stage: Stage,
  workspace: Workspace,
  redis: RedisAddress | undefined,
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
  const pipeline = server?.isShared === true ? unique : 'demo'
  const cache = server === undefined ? undefined : new CacheSink(server, pipeline, note, stage.signal)
  if (cache === undefined) missing.set('cache', `none: ${note}`)
  const warehouse = await WarehouseSink.create(folder)
  if (warehouse === undefined)
    missing.set('warehouse', 'none: its driver cannot be loaded (npm install @duckdb/node-api)')
  const search = await SearchSink.create(folder)
  const all = [search, cache, warehouse, new FilesSink(folder)].filter(sink => sink !== undefined)
  return { pipeline, all, search, cache, warehouse, missing }
}
