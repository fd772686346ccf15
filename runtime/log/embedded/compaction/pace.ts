import { setTimeout } from 'node:timers/promises'

/** Works so long, and then rests: whoever follows the log shall not notice. */
const WORK_MS = 4

/** The pace of work that nobody waits for. */
export class Pace {
  readonly #rest: number
  #began = performance.now()

  /** `rest`: how long after each piece, as a multiple of what it took. */
  constructor(rest: number) {
    this.#rest = rest
  }

  /** Between two pieces of the work. */
  async rest(): Promise<void> {
    const worked = performance.now() - this.#began
    if (worked < WORK_MS) return
    await setTimeout(this.#rest * worked)
    this.#began = performance.now()
  }
}
