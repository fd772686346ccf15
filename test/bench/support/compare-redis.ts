import { createHash } from 'node:crypto'
import embedded from '../../../runtime/log/embedded.ts'
import redis from '../../../sinks/redis.ts'
import type { PostgresServer } from '../../support/postgres.ts'
import { BENCH_SINK } from './sink-into.ts'
import { BENCH_TABLE } from './workload.ts'

const PAGE = 100_000

/**
 * Reads every key back: they must be the rows that were inserted behind the first `preloaded`, or changed, with every
 * value as the table has it. Throws if not.
 */
export async function compareRedis(
  server: PostgresServer,
  folder: string,
  url: string,
  preloaded: number,
): Promise<string> {
  const { signal } = new AbortController()
  const context = { ...BENCH_SINK, name: 'app', folder }
  await using log = await embedded.open(embedded.config.parse({ path: folder }), context)
  await using target = await redis.open(redis.config.parse({ url }), BENCH_SINK)
  const sink = await target.sink({ name: 'app', logId: log.id }, signal)
  const held = new Map<string, string>()
  for (const table of log.tables().values())
    for await (const rows of sink.rows!(table, signal))
      for (const { cells } of rows) held.set(cells.get('id')!, digest([...cells.values()]))
  const count = held.size
  const client = await server.connect()
  try {
    await client.query("set timezone = 'UTC'")
    const wanted = `from ${BENCH_TABLE} where (id > ${preloaded} or status = 'changed')`
    const { rows: last } = await client.query<{ max: string }>(`select max(id) from ${BENCH_TABLE}`)
    for (let from = 0; from < Number(last[0]!.max); from += PAGE) {
      const { rows } = await client.query<Record<string, string | null>>(
        `select * ${wanted} and id > ${from} and id <= ${from + PAGE}`,
      )
      for (const row of rows) {
        if (held.get(row.id!) !== digest(Object.values(row)))
          throw new Error(`row ${row.id} differs between Redis and table`)
        held.delete(row.id!)
      }
    }
  } finally {
    await client.end()
  }
  if (held.size > 0) throw new Error(`${held.size} keys in Redis are no rows of the table`)
  return `equal (${count} keys)`
}

function digest(values: readonly (string | null)[]): string {
  return createHash('md5').update(JSON.stringify(values)).digest('base64')
}
