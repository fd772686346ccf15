import { readState, replaceState } from '../state-file.ts'

const FILE = 'cleansed.json'
const UNREADABLE = {
  code: 'CLEANSED_UNREADABLE',
  hint: 'It lists the tables of which nothing is left that is masked now. Delete it: they are gone over once more.',
}

type Versions = Record<string, number>

/** Of which tables nothing is left that is masked or excluded now: a small file beside the logs. */
export class Cleansed {
  readonly #folder: string
  readonly #sources: Record<string, Versions>

  private constructor(folder: string, sources: Record<string, Versions>) {
    this.#folder = folder
    this.#sources = sources
  }

  static async load(folder: string): Promise<Cleansed> {
    return new Cleansed(folder, (await readState<Record<string, Versions>>(folder, FILE, UNREADABLE)) ?? {})
  }

  /** By name of a table: the version that was the newest then. */
  of(source: string): ReadonlyMap<string, number> {
    return new Map(Object.entries(this.#sources[source] ?? {}))
  }

  /** Durable when it resolves. */
  async add(source: string, tables: readonly { readonly name: string; readonly id: number }[]): Promise<void> {
    this.#sources[source] = {
      ...this.#sources[source],
      ...Object.fromEntries(tables.map(({ name, id }) => [name, id])),
    }
    await replaceState(this.#folder, FILE, this.#sources)
  }
}
