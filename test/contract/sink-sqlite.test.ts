import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openInWorker } from '../../runtime/worker/client.ts'
import sqlite from '../../sinks/sqlite.ts'
import type { SinkPlace } from '../support/sink-rig.ts'
import { sinkContract } from './sink.ts'

async function place(host: 'main' | 'worker', search: Record<string, string[]>): Promise<SinkPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-sqlite-'))
  const data = join(folder, 'data')
  await mkdir(data)
  const options = { path: join(data, 'rows.db'), name: '{source}_{schema}_{table}', search }
  const parsed = sqlite.config.parse(options)
  return {
    shown: table => sqlite.shown!(parsed, table),
    child: { type: 'sqlite', options, crashPoint: 'sqlite.applied' },
    open: context =>
      host === 'worker' ? openInWorker('sqlite', folder, parsed, context) : sqlite.open(parsed, context),
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

const search = { 'app.public.items': ['name'], 'app.public.pairs': ['v'], 'app.public.one': ['body'] }

sinkContract('sqlite', () => place('main', {}))
sinkContract('sqlite with full-text search', () => place('main', search))
sinkContract('sqlite in its worker', () => place('worker', {}))
