import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from './errors.ts'

/** Small files of JSON beside the logs, for what a person has asked for and a restart must not forget. */

/** What the file holds; undefined if there is none. */
export async function readState(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Durable when it resolves; a crash leaves the file as it was or as it is to be. */
export async function replaceState(folder: string, name: string, value: unknown): Promise<void> {
  const path = join(folder, name)
  const temporary = `${path}.new`
  await using file = await open(temporary, 'w', 0o600)
  await file.writeFile(JSON.stringify(value))
  await file.sync()
  await rename(temporary, path)
  await using directory = await open(folder)
  await directory.sync()
}
