import { stripVTControlCharacters, styleText } from 'node:util'

const WIDTH = 80
const INDENT = '    '

/** The demo's page: numbered steps, and lines that are redrawn in place where the terminal can do that. */
export class Screen {
  readonly #out: NodeJS.WriteStream | undefined
  /** True if `draw` replaces what it drew before. */
  readonly redraws: boolean
  #step = 0
  #stepAt = 0
  /** Lines drawn that the next drawing replaces. */
  #drawn = 0

  /** Without a stream nothing is shown. */
  constructor(out: NodeJS.WriteStream | undefined) {
    this.#out = out
    this.redraws = out?.isTTY === true && process.env.TERM !== 'dumb' && out.columns >= WIDTH
  }

  title(text: string): void {
    this.#write(`\n${this.style('bold', text)}\n`)
  }

  step(title: string): void {
    this.#step++
    this.#stepAt = performance.now()
    this.#write(`\n${this.style('bold', `${String(this.#step).padStart(2)}  ${title}`)}\n`)
  }

  line(text = ''): void {
    this.#write(text === '' ? '\n' : `${INDENT}${text}\n`)
  }

  /** The last line of a step, with the time the step took at the margin. */
  done(text: string): void {
    const took = `${((performance.now() - this.#stepAt) / 1000).toFixed(1)} s`
    const gap = Math.max(2, WIDTH - INDENT.length - stripVTControlCharacters(text).length - took.length)
    this.#write(`${INDENT}${text}${' '.repeat(gap)}${this.style('dim', took)}\n`)
  }

  /** Lines in the place of those drawn before. Anything else written goes above them. */
  draw(lines: readonly string[]): void {
    this.#write(lines.map(line => `${INDENT}${line}\n`).join(''))
    if (this.redraws) this.#drawn = lines.length
  }

  /** Says that the end has begun; what is drawn stays. */
  interrupted(): void {
    this.#drawn = 0
    this.#write('\n    Interrupted: stopping everything and removing it.\n')
  }

  /** Coloured if the stream is a terminal and its user wants colours (NO_COLOR). */
  readonly style = (style: Parameters<typeof styleText>[0], text: string): string =>
    this.#out === undefined ? text : styleText(style, text, { stream: this.#out })

  /** In the place of what was drawn. */
  #write(text: string): void {
    const erase = this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[0J` : ''
    this.#drawn = 0
    this.#out?.write(erase + text)
  }
}

/** `12,345`; a dash for what is not known. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : Math.round(value).toLocaleString('en-US')
}

/** Seconds with the digits that matter; a dash for what is not known. */
export function seconds(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : `${value.toFixed(value < 10 ? 2 : 0)} s`
}

/** Columns as wide as their widest cell; `right` names those that hold numbers. */
export function aligned(rows: readonly (readonly string[])[], right: ReadonlySet<number>, gap = 3): string[] {
  const widths = rows.reduce<number[]>((sofar, row) => row.map((cell, i) => Math.max(sofar[i] ?? 0, cell.length)), [])
  return rows.map(row =>
    row
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join(' '.repeat(gap))
      .trimEnd(),
  )
}
