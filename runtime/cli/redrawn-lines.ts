import type { Io } from './context.ts'

const UP = '\u001b['

/** Lines on standard error that are redrawn in place, below all that is written through `line`. */
export class RedrawnLines {
  /** Only on a terminal that can, and not where JSON is wanted. */
  readonly isPossible: boolean
  readonly #io: Io
  #drawn: readonly string[] = []

  constructor(io: Io, json: boolean) {
    this.#io = io
    this.isPossible = io.err.isTTY === true && process.env.TERM !== 'dumb' && !json
  }

  /** In the place of those drawn before. Each must fit the terminal. */
  draw(lines: readonly string[]): void {
    this.#erase()
    this.#drawn = lines
    this.#draw()
  }

  line(text: string): void {
    this.above(() => this.#io.err.write(`${text}\n`))
  }

  /** What `write` writes to the terminal stands above the lines. */
  above(write: () => void): void {
    this.#erase()
    write()
    this.#draw()
  }

  /** The last lines stay as they are. */
  release(): void {
    this.#drawn = []
  }

  #draw(): void {
    if (this.#drawn.length > 0) this.#io.err.write(`${this.#drawn.join('\n')}\n`)
  }

  #erase(): void {
    if (this.#drawn.length > 0) this.#io.err.write(`${UP}${this.#drawn.length}A${UP}J`)
  }
}
