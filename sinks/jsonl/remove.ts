import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SinkContext } from '../../runtime/contract.ts'
import { removeFolder } from '../common/files.ts'
import { cursorPath, readOwn, tablesPath } from './cursor-file.ts'

/** Removes every file the sink wrote, and answers a line for each folder. */
export async function removeAll(path: string, context: SinkContext): Promise<string[]> {
  const done: string[] = []
  for (const source of context.sources) {
    const own = await readOwn(path, context, source)
    if (own === undefined) continue
    for (const { folder } of Object.values(own.tables)) {
      await removeFolder(join(path, folder))
      done.push(`removed ${join(path, folder)}`)
    }
    await rm(tablesPath(path, source), { force: true })
    await rm(cursorPath(path, source), { force: true })
  }
  return done
}
