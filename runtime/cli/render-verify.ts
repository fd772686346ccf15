import { formatSeconds } from '../quantity.ts'
import type { Difference, TableReport, Unsettled, VerifyProgress, VerifyReport } from '../verify-report.ts'
import { phaseText } from './render-status.ts'
import { count, cutToWidth, paint, table } from './terminal.ts'

type Stream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }

export function differenceText({ table: name, key, kind, columns, fixed }: Difference): string {
  const what = kind === 'different' && columns.length === 0 ? 'no row stands in its place' : columns.join(', ')
  return [kind.padEnd('different'.length), name, printable(key), what, fixed ? '(fixed)' : '']
    .filter(part => part !== '')
    .join('  ')
}

export function unsettledText({ table: name, key }: Unsettled): string {
  return ['unsettled', name, printable(key)].join('  ')
}

/** One line that fits the terminal. */
export function progressText(stream: Stream, progress: VerifyProgress): string {
  const walk = progress.walk === 'source' ? 'compared' : 'looked for extra rows in'
  const found = progress.differences === 0 ? '' : `, ${count(progress.differences)} differ`
  return cutToWidth(stream, `${progress.table}  ${phaseText(walk, progress)}${found}`)
}

/** The tables with what was found in each, and the outcome in a sentence. `unnamed`: keys that were only counted. */
export function reportText(stream: Stream, report: VerifyReport, unnamed: number, fix: boolean): string {
  const header = ['TABLE', 'COMPARED', 'MISSING', 'EXTRA', 'DIFFERENT', ...(fix ? ['FIXED'] : []), 'UNSETTLED']
  const rows = report.tables
    .filter(({ isCompared }) => isCompared)
    .map(({ table: name, compared, missing, extra, different, fixed, unsettled }) => {
      const numbers = [compared, missing, extra, different, ...(fix ? [fixed] : []), unsettled]
      return [name, ...numbers.map(count)]
    })
  const parts = [table(stream, header, rows)]
  if (unnamed > 0) parts.unshift(`and ${count(unnamed)} more; --all names them`)
  for (const { table: name, leftOut } of report.tables)
    if (leftOut !== null) parts.push(`${name}: left out, ${leftOut}`)
  return [...parts, '', outcome(stream, report, fix)].join('\n')
}

function outcome(stream: Stream, { sink, equal, seconds, tables }: VerifyReport, fix: boolean): string {
  const sum = (of: keyof Pick<TableReport, 'missing' | 'extra' | 'different' | 'fixed' | 'unsettled'>): number =>
    tables.reduce((all, report) => all + report[of], 0)
  const differing = sum('missing') + sum('extra') + sum('different')
  const left = differing - sum('fixed')
  const time = `Took ${formatSeconds(seconds)}.`
  const unsettled = sum('unsettled')
  const restless = unsettled === 0 ? '' : ` ${keys(unsettled)} changed too often to be compared.`
  const mended = sum('fixed') === 0 ? '' : `, ${keys(sum('fixed'))} mended`
  if (equal) return `${paint(stream, 'green', `${sink} equals its sources${mended}.`)}${restless} ${time}`
  const hint = fix ? '' : ' --fix writes them anew.'
  return `${paint(stream, 'red', `${sink} differs in ${keys(left)}${mended}.`)}${hint}${restless} ${time}`
}

function keys(number: number): string {
  return `${count(number)} ${number === 1 ? 'key' : 'keys'}`
}

/** A key may hold anything, also what would write over the terminal. */
function printable(key: string): string {
  return /\p{C}/u.test(key) ? JSON.stringify(key) : key
}
