import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, TailraceError } from './errors.ts'
import type { Part } from './status.ts'

/** Which parts a person has paused: a small file beside the logs, so that pauses survive restarts. */
export class Pauses {
  readonly #path: string
  readonly #folder: string
  readonly #paused: Set<string>

  private constructor(folder: string, paused: Set<string>) {
    this.#folder = folder
    this.#path = join(folder, 'paused.json')
    this.#paused = paused
  }

  static async load(folder: string): Promise<Pauses> {
    const path = join(folder, 'paused.json')
    try {
      return new Pauses(folder, new Set(JSON.parse(await readFile(path, 'utf8')) as string[]))
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return new Pauses(folder, new Set())
      throw new TailraceError('PAUSES_UNREADABLE', 'stop', `${path} cannot be read.`, {
        cause,
        hint: 'It only lists what was paused. Delete it to start everything.',
      })
    }
  }

  has(part: Part): boolean {
    return this.#paused.has(key(part))
  }

  /** Durable when it resolves. */
  async set(part: Part, paused: boolean): Promise<void> {
    if (paused) this.#paused.add(key(part))
    else this.#paused.delete(key(part))
    const temporary = `${this.#path}.new`
    await using file = await open(temporary, 'w', 0o600)
    await file.writeFile(JSON.stringify([...this.#paused].sort()))
    await file.sync()
    await rename(temporary, this.#path)
    await using folder = await open(this.#folder)
    await folder.sync()
  }
}

function key(part: Part): string {
  return 'source' in part ? `source ${part.source}` : `sink ${part.sink}`
}
