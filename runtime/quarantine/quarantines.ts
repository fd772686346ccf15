import { readdir } from 'node:fs/promises'
import { readState, replaceState } from '../state-file.ts'
import { Quarantine, type Refusal } from './quarantine.ts'

const UNREADABLE = {
  code: 'QUARANTINE_UNREADABLE',
  hint: 'It lists rows that a target refused. Delete it; tailrace verify --sink names what a sink lacks.',
}

const FILE = /^quarantine-(.+)\.json$/

/** The quarantines of all sinks and their generations, each in a file beside the logs. */
export class Quarantines {
  readonly #folder: string
  /** By reader. */
  readonly #quarantines = new Map<string, Quarantine>()

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async load(folder: string): Promise<Quarantines> {
    const quarantines = new Quarantines(folder)
    for (const name of await readdir(folder)) {
      const reader = FILE.exec(name)?.[1]
      if (reader === undefined) continue
      const rows = await readState<readonly Refusal[]>(folder, name, UNREADABLE)
      quarantines.#quarantines.set(reader, quarantines.#make(reader, rows ?? []))
    }
    return quarantines
  }

  of(reader: string): Quarantine {
    const known = this.#quarantines.get(reader)
    if (known !== undefined) return known
    const made = this.#make(reader, [])
    this.#quarantines.set(reader, made)
    return made
  }

  /** What was refused of one generation, another one lacks from now on. */
  async copy(from: string, to: string): Promise<void> {
    await this.of(to).replace(this.of(from).rows)
  }

  #make(reader: string, rows: readonly Refusal[]): Quarantine {
    const name = `quarantine-${reader}.json`
    return new Quarantine(rows, stored => replaceState(this.#folder, name, stored))
  }
}
