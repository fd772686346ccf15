import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import duckdb from '../../sinks/duckdb.ts'
import type { SinkPlace } from '../support/sink-rig.ts'
import { sinkContract } from './sink.ts'

/** Columns whose values in the contract no type of DuckDB spells the same way again. */
const asText = ['double', 'single', 'moment', 'list'].map(name => `app.public.types.${name}`)

async function place(): Promise<SinkPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-duckdb-'))
  const data = join(folder, 'data')
  await mkdir(data)
  const options = { path: join(data, 'rows.duckdb'), name: '{source}_{schema}.{table}', asText }
  return {
    shown: table => duckdb.shown!(duckdb.config.parse(options), table),
    // DuckDB itself loses the sign of a zero in a list.
    bent: { '{-0}': '{0}' },
    refuses: true,
    child: { type: 'duckdb', options, crashPoint: 'duckdb.applied' },
    open: context => duckdb.open(duckdb.config.parse(options), context),
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

sinkContract('duckdb', place)
