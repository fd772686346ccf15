import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, TailraceError } from './errors.ts'

/** Small files of JSON beside the logs, for what a person has asked for and a restart must not forget. */

/** What the file holds; undefined if there is none. `unreadable`: code and hint of the error where it cannot be read. */
export async function readState<T>(
  folder: string,
  name: string,
  unreadable: { readonly code: string; readonly hint: string },
): Promise<T | undefined> {
  const path = join(folder, name)
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    const { code, hint } = unreadable
    throw new TailraceError(code, 'stop', `${path} cannot be read.`, { cause, hint })
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
