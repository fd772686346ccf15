import type { PipelineStatus, RunningPipeline } from '../status.ts'
import type { Io } from './context.ts'
import { RedrawnLines } from './redrawn-lines.ts'
import { progressLines } from './render-status.ts'

const REDRAW_MS = 500
const LOG_MS = 10_000

/**
 * Shows how a pipeline gets on, on standard error: lines redrawn in place on a terminal, elsewhere a plain line per
 * part now and then, while something changes. Other lines go through `line`, which keeps the redrawn ones below.
 */
export class ProgressDisplay implements Disposable {
  readonly #io: Io
  readonly #lines: RedrawnLines
  #last = ''
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(io: Io, json: boolean) {
    this.#io = io
    this.#lines = new RedrawnLines(io, json)
  }

  line(text: string): void {
    this.#lines.line(text.trimEnd())
  }

  /** `say` takes the plain lines where nothing is redrawn. */
  follow(pipeline: RunningPipeline, say: (line: string) => void): void {
    const show = async (): Promise<void> => {
      if (this.#asking) return
      this.#asking = true
      try {
        this.#show(await pipeline.status(), say)
      } catch {
        // The pipeline is being closed; its error is told by who closes it.
      } finally {
        this.#asking = false
      }
    }
    this.#timer = setInterval(() => void show(), this.#lines.isPossible ? REDRAW_MS : LOG_MS)
    void show()
  }

  #show(status: PipelineStatus, say: (line: string) => void): void {
    if (this.#timer === undefined) return
    const lines = progressLines(this.#io.err, status)
    if (this.#lines.isPossible) {
      this.#lines.draw(lines)
      return
    }
    const text = lines.join('\n')
    if (text !== this.#last) for (const line of lines) say(line)
    this.#last = text
  }

  /** Leaves the last lines standing. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#lines.release()
  }
}
