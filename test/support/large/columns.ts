import type { PostgresServer } from '../postgres.ts'
import type { RedisServer } from '../redis.ts'
import type { Figures } from '../run-full.ts'
import { type DigestedTable, differences, sourceRows } from './digests.ts'
import { LargeDatabase } from './large-database.ts'
import { LargePipeline } from './large-pipeline.ts'
import { logRows, type SinkName, sinkRows } from './readers.ts'

export interface ColumnsDose {
  /** With the key; at most 1,600. */
  readonly columns: number
  readonly rows: number
  readonly sink: SinkName | undefined
}

/** Every so many columns one is text, which takes more room in PostgreSQL's pages than they have for all. */
const TEXT_EVERY = 20

/**
 * A table of that many columns: its rows loaded, inserted, changed, moved to another key and deleted, and looked up by
 * key. Answers the peak of memory in MB.
 */
export async function manyColumns(
  server: PostgresServer,
  redis: RedisServer | undefined,
  { columns, rows, sink }: ColumnsDose,
): Promise<Figures> {
  await using database = await LargeDatabase.make(server)
  const names = Array.from({ length: columns - 1 }, (_, i) => `column_${i + 2}`)
  const isText = (i: number): boolean => i % TEXT_EVERY === 0
  const types = names.map((name, i) => `${name} ${isText(i) ? 'text' : 'int'}`)
  const values = names.map((_, i) => (isText(i) ? `'t' || id % 97` : i % 7 === 0 ? 'NULL' : `id + ${i}`))
  const insert = (from: number, to: number): string =>
    `INSERT INTO wide SELECT id, ${values.join(', ')} FROM generate_series(${from}, ${to}) AS id`
  await database.sql(`CREATE TABLE wide (id int PRIMARY KEY, ${types.join(', ')}); ${insert(1, rows)}`)
  await using pipeline = await LargePipeline.start(server, {
    database: database.name,
    tables: ['public.wide'],
    sink,
    redis,
  })
  await pipeline.caughtUp(120)
  await database.sql(insert(rows + 1, 2 * rows))
  await database.sql(`UPDATE wide SET ${names[0]} = 'changed', ${names.at(-1)} = -1 WHERE id % 2 = 0`)
  await database.sql(`UPDATE wide SET id = id + 1000000 WHERE id % 5 = 0`)
  await database.sql('DELETE FROM wide WHERE id % 7 = 0')
  await pipeline.caughtUp(120)
  const looked = await pipeline.row('wide', '1')
  const { peakMb } = pipeline.memory.get()
  await pipeline.watch.demandOne()
  await pipeline.end()
  const table: DigestedTable = { name: 'wide', columns: names, bytes: new Set() }
  const expected = await sourceRows(server, database.name, table)
  const found =
    sink === undefined ? await logRows(pipeline.folder, table) : await sinkRows(sink, pipeline.folder, redis, table)
  const different = differences(expected, found)
  if (different.length > 0) throw new Error(`${different.length} differences: ${different.slice(0, 5).join('; ')}`)
  if (Object.keys(looked).length !== columns) throw new Error('a look-up by key does not answer every column')
  return { 'memory, MB': Math.round(peakMb) }
}
