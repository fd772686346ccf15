import { join, resolve } from 'node:path'
import { z } from 'zod'
import { nameTemplate } from '../../runtime/naming.ts'
import { durationOption, sizeOption } from '../../runtime/quantity.ts'
import { parseName, qualifiedName } from '../../runtime/select.ts'
import { asTextOption } from '../common/column-key.ts'
import type { DatabaseOptions } from '../duckdb-file/database.ts'
import { PERIODS, type Period } from './partition.ts'

export const parquetConfig = z
  .strictObject({
    path: z.string().min(1).describe('Folder for the files; with `url` for the store alone. Relative to this file.'),
    url: z
      .string()
      .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]+(\/.*)?$/, 'a bucket is written as s3://bucket/prefix')
      .optional()
      .describe('The bucket for the files, s3://bucket/prefix. Default: the folder.'),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Of a server that is not Amazon, http(s)://host:port.'),
    region: z.string().min(1).optional().describe('Default: as the environment says.'),
    accessKeyId: z.string().min(1).optional().describe('Default: the credentials that the environment gives.'),
    secretAccessKey: z.string().min(1).optional(),
    sessionToken: z.string().min(1).optional(),
    pathStyle: z.boolean().optional().describe('The bucket in the path instead of the host. Default: with `endpoint`.'),
    caFile: z.string().min(1).optional().describe('Root certificate of the endpoint, PEM; relative to this file.'),
    mode: z
      .enum(['changes', 'rows'])
      .default('changes')
      .describe('changes: files with every change, only ever added. rows: the current rows, written anew.'),
    partitionBy: z
      .union([z.enum(PERIODS), z.record(z.string(), z.string().min(1))])
      .optional()
      .describe('changes: none, hour, day (default) or month of the commit, UTC. rows: {source.schema.table: column}.'),
    name: nameTemplate('{schema}.{table}').describe('Folder of a table.'),
    asText: asTextOption(),
    file: z
      .strictObject({
        rows: z.int().min(1).default(1_000_000).describe('changes: so many changes make a set.'),
        bytes: sizeOption()
          .prefault('256MB')
          .describe('changes: so much makes a set, as the log has it. A file ends at it.'),
        wait: durationOption().prefault('5m').describe('changes: how long a change may wait for others.'),
      })
      .prefault({}),
    snapshotEvery: durationOption().prefault('15m').describe('rows: a set is made at most this often.'),
    keepReplaced: durationOption().prefault('1h').describe('How long files stay that are no longer in the set.'),
    compression: z.enum(['zstd', 'snappy', 'gzip', 'lz4_raw', 'uncompressed']).default('zstd'),
    memory: sizeOption()
      .prefault('1GB')
      .describe('What DuckDB may take. rows: the keys of the largest table must fit.'),
    threads: z.int().min(1).max(64).default(1).describe('Threads of DuckDB.'),
  })
  .refine(
    ({ mode, partitionBy }) => partitionBy === undefined || (typeof partitionBy === 'string') === (mode === 'changes'),
    {
      path: ['partitionBy'],
      error: 'is a period with mode: changes, and a column for each table with mode: rows',
    },
  )
  .refine(({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined), {
    path: ['secretAccessKey'],
    error: 'goes with accessKeyId',
  })
  .refine(({ url, endpoint }) => url !== undefined || endpoint === undefined, {
    path: ['endpoint'],
    error: 'goes with url: s3://bucket/prefix',
  })
export type ParquetConfig = z.infer<typeof parquetConfig>

/** Where the store is, and what DuckDB may take for it. */
export interface StoreFiles extends DatabaseOptions {
  /** The sink's own folder on this machine. */
  readonly folder: string
  readonly path: string
  readonly staging: string
}

export function storeFiles({ path, memory, threads }: ParquetConfig): StoreFiles {
  const folder = join(resolve(path), '_tailrace')
  return { folder, path: join(folder, 'store.duckdb'), staging: join(folder, 'staging'), memory, threads }
}

export function partitioning({ partitionBy = 'day', mode }: ParquetConfig): Period | ReadonlyMap<string, string> {
  if (typeof partitionBy === 'string') return mode === 'rows' ? 'none' : partitionBy
  return new Map(Object.entries(partitionBy).map(([name, column]) => [tableKey(name), column]))
}

function tableKey(name: string): string {
  return qualifiedName(parseName(name, ['source', 'schema', 'table']))
}
