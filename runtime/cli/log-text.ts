import type { DestinationStream } from 'pino'

/** Members of a log line that stand at its front or are told otherwise. */
const OWN = new Set(['level', 'time', 'msg', 'err'])

/** Turns the logger's JSON lines into lines for people: time, level, message, then `name=value`. */
export function textLines(write: (line: string) => void): DestinationStream {
  return {
    write(line) {
      write(textLine(line))
    },
  }
}

export function textLine(json: string): string {
  let record: Record<string, unknown>
  try {
    record = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json.trimEnd()
  }
  const rest = Object.entries(record)
    .filter(([key]) => !OWN.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const time = String(record.time).replace(/\.\d+Z$/, 'Z')
  return `${time} ${String(record.level).padEnd(5)} ${String(record.msg ?? '')}${rest.join('')}${errorPart(record.err)}`
}

function errorPart(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { code, message, hint } = error as { code?: string; message?: string; hint?: string }
  return `: ${code === undefined ? '' : `${code} `}${message ?? ''}${hint === undefined ? '' : ` (${hint})`}`
}
