import type { SourcePart } from '../source-part.ts'
import { Cleansing, type CleansingPlace } from './cleansing.ts'

/** One for each source that runs. */
export class Cleansings {
  readonly #place: CleansingPlace
  readonly #running = new Map<SourcePart, Cleansing>()

  constructor(place: CleansingPlace) {
    this.#place = place
  }

  begin(source: SourcePart): void {
    const cleansing = new Cleansing(source, this.#place)
    this.#running.set(source, cleansing)
    cleansing.supervisor.start(false)
  }

  async end(source: SourcePart): Promise<void> {
    await this.#running.get(source)?.supervisor.stop()
    this.#running.delete(source)
  }

  /** Full names of the tables of which something is left that is masked or excluded now. */
  tables(source: SourcePart): readonly string[] {
    return this.#running.get(source)?.tables ?? []
  }
}
