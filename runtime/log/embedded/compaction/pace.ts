import { setTimeout } from 'node:timers/promises'

/** Works so long, and then rests as long: whoever follows the log shall not notice. */
const WORK_MS = 10

/** The pace of work that nobody waits for. */
export class Pace {
  #began = performance.now()

  /** Between two pieces of the work. */
  async rest(): Promise<void> {
    const worked = performance.now() - this.#began
    if (worked < WORK_MS) return
    await setTimeout(worked)
    this.#began = performance.now()
  }
}
