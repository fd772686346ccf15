import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import jsonl from '../../sinks/jsonl.ts'
import type { SinkPlace } from '../support/sink-rig.ts'
import { sinkContract } from './sink.ts'

async function place(): Promise<SinkPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-jsonl-'))
  const path = join(folder, 'out')
  // Small files: that tables go on in new ones belongs to every test.
  const options = { path, mode: 'state', fileBytes: '64KB', name: '{source}.{schema}.{table}' }
  return {
    shown: table => jsonl.shown!(jsonl.config.parse(options), table),
    child: { type: 'jsonl', options, crashPoint: 'jsonl.synced' },
    open: context => jsonl.open(jsonl.config.parse(options), context),
    empty: () => rm(path, { recursive: true, force: true }),
    async backup() {
      const copy = join(folder, 'backup')
      await cp(path, copy, { recursive: true })
      return async () => {
        await rm(path, { recursive: true })
        await cp(copy, path, { recursive: true })
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

sinkContract('jsonl', place)
