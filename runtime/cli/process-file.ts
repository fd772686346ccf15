import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../errors.ts'

/** How a running process is found: `tailrace.json` in the folder of its log. */
export interface ProcessFile {
  readonly pid: number
  /** Null without HTTP. */
  readonly url: string | null
  readonly token: string | null
}

const NAME = 'tailrace.json'

/** Readable for this user only: it may hold the token. */
export async function writeProcessFile(folder: string, content: ProcessFile): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `${NAME}.${content.pid}`)
  await writeFile(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600 })
  await rename(temporary, join(folder, NAME))
}

/** Undefined if there is none, or if its process is gone: then a crash left it behind. */
export async function readProcessFile(folder: string): Promise<ProcessFile | undefined> {
  let text: string
  try {
    text = await readFile(join(folder, NAME), 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  const content = parse(text)
  return content !== undefined && isAlive(content.pid) ? content : undefined
}

/** Removes the file if it is still that of this process. */
export async function removeProcessFile(folder: string, pid: number): Promise<void> {
  const content = await readProcessFile(folder)
  if (content?.pid === pid) await rm(join(folder, NAME), { force: true })
}

function parse(text: string): ProcessFile | undefined {
  try {
    const value = JSON.parse(text) as Partial<ProcessFile>
    if (typeof value.pid !== 'number') return undefined
    return { pid: value.pid, url: value.url ?? null, token: value.token ?? null }
  } catch {
    // Torn by a crash of the machine: as good as none.
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, as another user.
    return errorCode(error) === 'EPERM'
  }
}
