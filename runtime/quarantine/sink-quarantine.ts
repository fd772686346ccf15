import { abortable } from '../abort.ts'
import { notRunning } from '../lent.ts'
import type { SinkPart } from '../sink-part.ts'
import type { QuarantineActions, QuarantinedRow, RetryReport } from '../status.ts'
import { isChosen, type RowChoice, shownRow } from './quarantine.ts'

/** What a person does with the rows that a sink's target refused. */
export class SinkQuarantine implements QuarantineActions {
  readonly #part: SinkPart
  readonly #again: (part: SinkPart, change: () => void) => Promise<void>

  /** `again`: ends the sink's work, changes it, and has it begin again. */
  constructor(part: SinkPart, again: (part: SinkPart, change: () => void) => Promise<void>) {
    this.#part = part
    this.#again = again
  }

  list(): readonly QuarantinedRow[] {
    return this.#part.quarantine.rows.map(shownRow)
  }

  async retry(choice: RowChoice, signal: AbortSignal): Promise<RetryReport> {
    const { supervisor } = this.#part
    if (supervisor.state !== 'running' && supervisor.state !== 'failed') throw notRunning(supervisor)
    let reports: Promise<RetryReport[]> | undefined
    await this.#again(this.#part, () => {
      reports = this.#part.retry(row => isChosen(choice, row))
    })
    const all = await abortable(reports!, signal)
    const sum = (figure: keyof RetryReport): number => all.reduce((total, report) => total + report[figure], 0)
    return { written: sum('written'), refused: sum('refused'), left: sum('left') }
  }

  async drop(choice: RowChoice): Promise<number> {
    return await this.#part.quarantine.drop(row => isChosen(choice, row))
  }
}
