import type { PostgresServer } from '../postgres.ts'
import type { RedisServer } from '../redis.ts'
import type { Figures } from '../run-full.ts'
import { type DigestedTable, differences, sourceRows } from './digests.ts'
import { LargeDatabase } from './large-database.ts'
import { LargePipeline } from './large-pipeline.ts'
import { logRows, type SinkName, sinkRows } from './readers.ts'

/** What a value is made of, each dear in its own way: as a string, as JSON, as bytes. */
export type ValueForm = 'plain' | 'escaped' | 'bytes'
export const VALUE_FORMS: readonly ValueForm[] = ['plain', 'escaped', 'bytes']

export interface ValueDose {
  readonly bytes: number
  readonly form: ValueForm
  readonly sink: SinkName | undefined
}

/** SQL of a value that takes so many bytes as text. Pieces of 64 bytes. */
function valueSql(form: ValueForm, bytes: number, seed: number): string {
  const pieces = `generate_series(1, ${Math.floor(bytes / 64)}) AS piece`
  const digest = `md5((piece * 7919::bigint + ${seed})::text)`
  switch (form) {
    case 'plain':
      return `(SELECT string_agg(${digest} || md5(piece::text), '') FROM ${pieces})`
    case 'escaped':
      // 64 bytes of UTF-8: 20 digits, an emoji, three umlauts, a quote, a backslash, a line break and a tab, and so on.
      return `(SELECT string_agg(left(${digest}, 20) || E'\\U0001F30A\\u00e4\\u00f6\\u00fc"\\\\\\n\\t\\u4e2d' || left(${digest}, 27), '') FROM ${pieces})`
    case 'bytes':
      return `decode((SELECT string_agg(${digest} || md5(piece::text), '') FROM ${pieces}), 'hex')`
  }
}

const TABLE: Readonly<Record<ValueForm, DigestedTable>> = {
  plain: { name: 'wide', columns: ['n', 'body'], bytes: new Set() },
  escaped: { name: 'wide', columns: ['n', 'body'], bytes: new Set() },
  bytes: { name: 'wide', columns: ['n', 'body'], bytes: new Set(['body']) },
}

/**
 * A value of that size, one at a time, beside a small row: read by the first load, its row updated without it, replaced,
 * deleted, and another inserted. Answers the peaks of memory in MB.
 */
export async function largeValue(
  server: PostgresServer,
  redis: RedisServer | undefined,
  { bytes, form, sink }: ValueDose,
  seed: number,
): Promise<Figures> {
  await using database = await LargeDatabase.make(server)
  const table = TABLE[form]
  await database.sql(`
    CREATE TABLE wide (id int PRIMARY KEY, n int NOT NULL, body ${form === 'bytes' ? 'bytea' : 'text'});
    ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
    INSERT INTO wide VALUES (1, 0, ${valueSql(form, bytes, seed)}), (2, 0, NULL)`)
  await using pipeline = await LargePipeline.start(server, {
    database: database.name,
    tables: ['public.wide'],
    sink,
    redis,
  })
  const peaks: Record<string, number> = {}
  const step = async (name: string, sql?: string): Promise<void> => {
    pipeline.memory.begin()
    if (sql !== undefined) await database.sql(sql)
    await pipeline.caughtUp(120)
    peaks[`${name}, MB`] = Math.round(pipeline.memory.get().peakMb)
  }
  await step('first load')
  await step('update beside it', 'UPDATE wide SET n = n + 1 WHERE id = 1')
  await step('replaced', `UPDATE wide SET body = ${valueSql(form, bytes, seed + 1)} WHERE id = 1`)
  await step('delete', 'DELETE FROM wide WHERE id = 1')
  await step('insert', `INSERT INTO wide VALUES (3, 0, ${valueSql(form, bytes, seed + 2)})`)
  const silence = await pipeline.watch.demandOne()
  await pipeline.end()
  const expected = await sourceRows(server, database.name, table)
  const found =
    sink === undefined ? await logRows(pipeline.folder, table) : await sinkRows(sink, pipeline.folder, redis, table)
  const different = differences(expected, found)
  if (different.length > 0) throw new Error(different.join('\n'))
  return { ...peaks, 'longest silence, ms': silence }
}
