import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SinkContext } from '../../runtime/contract.ts'
import type { TablePlace } from './cursor-file.ts'
import { readJson, removeFolder } from './files.ts'

/** Removes every file the sink wrote, and answers a line for each folder. */
export async function removeAll(path: string, context: SinkContext): Promise<string[]> {
  const done: string[] = []
  for (const source of context.sources) {
    const cursor = join(path, `_cursor-${source}.json`)
    const owner = (await readJson(cursor)) as { pipeline: string; sink: string } | undefined
    if (owner === undefined || owner.pipeline !== context.pipeline || owner.sink !== context.name) continue
    const tables = join(path, `_tables-${source}.json`)
    const places = ((await readJson(tables)) ?? {}) as Record<string, TablePlace>
    for (const { folder } of Object.values(places)) {
      await removeFolder(join(path, folder))
      done.push(`removed ${join(path, folder)}`)
    }
    await rm(tables, { force: true })
    await rm(cursor, { force: true })
  }
  return done
}
