import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import embedded from '../../runtime/log/embedded.ts'
import { silent } from '../support/log-life.ts'
import { type LogHome, logContract } from './log.ts'
import { indexedLogContract } from './log-indexed.ts'
import { orderedLogContract } from './log-ordered.ts'

async function home(): Promise<LogHome> {
  const path = await mkdtemp(join(tmpdir(), 'tailrace-log-'))
  // Small segments: that the log goes on in new ones belongs to every test.
  const config = embedded.config.parse({ path, segmentBytes: '1KB' })
  const open = (name: string) =>
    embedded.open(config, { pipeline: 'test', name, logger: silent, folder: join(path, name) })
  return {
    open: () => open('app'),
    other: () => open('other'),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  }
}

logContract('embedded', home)
orderedLogContract('embedded', home)
indexedLogContract('embedded', home)
