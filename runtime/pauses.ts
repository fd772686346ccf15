import { readState, replaceState } from './state-file.ts'
import type { Part } from './status.ts'

const FILE = 'paused.json'
const UNREADABLE = {
  code: 'PAUSES_UNREADABLE',
  hint: 'It only lists what was paused. Delete it to start everything.',
}

/** Which parts a person has paused: a small file beside the logs, so that pauses survive restarts. */
export class Pauses {
  readonly #folder: string
  readonly #paused: Set<string>

  private constructor(folder: string, paused: Set<string>) {
    this.#folder = folder
    this.#paused = paused
  }

  static async load(folder: string): Promise<Pauses> {
    return new Pauses(folder, new Set(await readState<string[]>(folder, FILE, UNREADABLE)))
  }

  has(part: Part): boolean {
    return this.#paused.has(key(part))
  }

  /** Durable when it resolves. */
  async set(part: Part, paused: boolean): Promise<void> {
    if (paused) this.#paused.add(key(part))
    else this.#paused.delete(key(part))
    await replaceState(this.#folder, FILE, [...this.#paused].sort())
  }
}

function key(part: Part): string {
  return 'source' in part ? `source ${part.source}` : `sink ${part.sink}`
}
