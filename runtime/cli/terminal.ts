import { styleText } from 'node:util'
import { errorMessage, isTailraceError } from '../errors.ts'
import { redact } from '../logger.ts'

/** Text for a terminal. Colours only where one is. */

type Stream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }
type Style = Parameters<typeof styleText>[0]

export function paint(stream: Stream, style: Style, text: string): string {
  if (stream.isTTY !== true || process.env.NO_COLOR || process.env.TERM === 'dumb') return text
  return styleText(style, text, { validateStream: false })
}

const STYLES: Readonly<Record<string, Style>> = {
  green: 'green',
  running: 'green',
  ok: 'green',
  yellow: 'yellow',
  waiting: 'yellow',
  paused: 'yellow',
  starting: 'yellow',
  warning: 'yellow',
  red: 'red',
  failed: 'red',
  error: 'red',
  stopped: 'dim',
}

/** A word of state in its colour. */
export function paintState(stream: Stream, state: string): string {
  const style = STYLES[state]
  return style === undefined ? state : paint(stream, style, state)
}

/** Columns aligned by two blanks; the header is dimmed. Cells may be coloured. */
export function table(stream: Stream, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map(row => width(row[i] ?? ''))))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell + ' '.repeat(Math.max(0, widths[i]! - width(cell))))
      .join('  ')
      .trimEnd()
  return [paint(stream, 'dim', line(header)), ...rows.map(line)].join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what styleText writes
const STYLING = /\u001b\[[0-9;]*m/g

function width(text: string): number {
  return text.replace(STYLING, '').length
}

/** The text cut to the width of the terminal, if it is one, so that it can be redrawn in place. */
export function cutToWidth(stream: Stream, text: string): string {
  const { columns } = stream
  if (columns === undefined || width(text) < columns) return text
  return `${text.replace(STYLING, '').slice(0, columns - 2)}…`
}

/** Code, what happened, what to do. No stack: that is for log lines. */
export function errorText(stream: Stream, error: unknown): string {
  if (!isTailraceError(error)) return `${paint(stream, 'red', 'UNEXPECTED')}  ${redact(errorMessage(error))}`
  const lines = [`${paint(stream, 'red', error.code)}  ${redact(error.message).replaceAll('\n', '\n  ')}`]
  if (error.hint !== undefined)
    lines.push(`  ${paint(stream, 'cyan', 'hint')}  ${redact(error.hint).replaceAll('\n', '\n  ')}`)
  return lines.join('\n')
}

/** The same as one line of JSON. */
export function errorJson(error: unknown): string {
  const { code, message, hint } = isTailraceError(error)
    ? error
    : { code: 'UNEXPECTED', message: errorMessage(error), hint: undefined }
  return JSON.stringify({
    error: { code, message: redact(message), hint: hint === undefined ? null : redact(hint) },
  })
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
