/** Targets in files, each in a folder of its own. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SinkPlugin } from '../../runtime/contract.ts'
import { openInWorker } from '../../runtime/worker/client.ts'
import duckdb from '../../sinks/duckdb.ts'
import jsonl from '../../sinks/jsonl.ts'
import parquet from '../../sinks/parquet.ts'
import sqlite from '../../sinks/sqlite.ts'
import { copyClient, sqliteClient } from './items-clients.ts'
import { parquetTexts } from './parquet-files.ts'
import type { ItemsClient, SinkPlace } from './sink-rig.ts'

/** Columns whose values in the contract no type of DuckDB spells the same way again. */
const AS_TEXT = ['double', 'single', 'moment', 'list'].map(name => `app.public.types.${name}`)

export const duckdbPlace = (): Promise<SinkPlace> =>
  filePlace(
    duckdb,
    'duckdb.applied',
    data => ({ path: join(data, 'rows.duckdb'), name: '{source}_{schema}.{table}', asText: AS_TEXT }),
    // DuckDB itself loses the sign of a zero in a list.
    { bent: { '{-0}': '{0}' }, refuses: true },
  )

/** Readers have the copy. */
export const duckdbPlaceWithCopy = (): Promise<SinkPlace> =>
  filePlace(
    duckdb,
    'duckdb.applied',
    data => ({
      path: join(data, 'rows.duckdb'),
      name: '{source}_{schema}.{table}',
      snapshotTo: join(data, 'copy.duckdb'),
      snapshotEvery: '20ms',
    }),
    {
      clientIn: copyClient,
      swapPoints: ['duckdb.applied', 'duckdb.swapped'],
      purgePoints: ['duckdb.applied', 'duckdb.rewritten'],
    },
  )

/** Sets are made all the time. */
export const parquetPlace = (): Promise<SinkPlace> =>
  filePlace(
    parquet,
    'duckdb.applied',
    data => ({ path: data, mode: 'rows', name: '{source}.{schema}.{table}', asText: AS_TEXT, snapshotEvery: '20ms' }),
    { bent: { '{-0}': '{0}' }, refuses: true, purgePoints: PARQUET_PURGE, unpackedIn: parquetTexts },
  )

const PARQUET_PURGE = ['duckdb.applied', 'parquet.written', 'parquet.put', 'parquet.switched', 'duckdb.rewritten']

/** Small files: that tables go on in new ones belongs to every test. */
export const jsonlPlace = (): Promise<SinkPlace> =>
  filePlace(jsonl, 'jsonl.synced', data => ({
    path: data,
    mode: 'state',
    fileBytes: '64KB',
    name: '{source}.{schema}.{table}',
  }))

export const sqlitePlace = (
  host: 'main' | 'worker' = 'main',
  search: Record<string, string[]> = {},
): Promise<SinkPlace> =>
  filePlace(
    sqlite,
    'sqlite.applied',
    data => ({ path: join(data, 'rows.db'), name: '{source}_{schema}_{table}', search }),
    { clientIn: sqliteClient, swapPoints: ['sqlite.applied'], purgePoints: ['sqlite.applied'] },
    host,
  )

interface Traits extends Pick<SinkPlace, 'bent' | 'refuses'> {
  readonly clientIn?: (data: string) => Promise<ItemsClient>
  readonly swapPoints?: readonly string[]
  readonly purgePoints?: readonly string[]
  readonly unpackedIn?: (data: string) => Promise<string>
}

async function filePlace<C>(
  plugin: SinkPlugin<C>,
  crashPoint: string,
  optionsIn: (data: string) => unknown,
  { clientIn, swapPoints = [], purgePoints = [], unpackedIn, ...traits }: Traits = {},
  host: 'main' | 'worker' = 'main',
): Promise<SinkPlace> {
  const folder = await mkdtemp(join(tmpdir(), `tailrace-${plugin.type}-`))
  const data = join(folder, 'data')
  await mkdir(data)
  const options = optionsIn(data)
  const parsed = plugin.config.parse(options)
  return {
    ...traits,
    ...(clientIn && { generations: { crashPoints: swapPoints, client: () => clientIn(data) } }),
    files: {
      folder: data,
      crashPoints: purgePoints,
      ...(unpackedIn && { unpacked: () => unpackedIn(data) }),
    },
    shown: table => plugin.shown!(parsed, table),
    child: { type: plugin.type, options, crashPoint },
    open: context =>
      host === 'worker' ? openInWorker(plugin.type, folder, parsed, context) : plugin.open(parsed, context),
    async empty() {
      await rm(data, { recursive: true })
      await mkdir(data)
    },
    async backup() {
      const copy = join(folder, 'backup')
      await cp(data, copy, { recursive: true })
      return async () => {
        await rm(data, { recursive: true })
        await cp(copy, data, { recursive: true })
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
