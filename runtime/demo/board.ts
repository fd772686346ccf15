import type { PipelineStatus } from '../status.ts'
import { aligned, count, type Screen, seconds } from './screen.ts'
import type { Traffic } from './traffic.ts'

/** Lag per sink beside the traffic that causes it. */

export interface Moment {
  /** Seconds since the traffic began, and how long it goes on; undefined: until Ctrl-C. */
  readonly at: number
  readonly of: number | undefined
  readonly traffic: Traffic
  /** Undefined while the pipeline is down. */
  readonly status: PipelineStatus | undefined
  /** Greatest lag that was seen, in seconds, of every sink there is. */
  readonly worst: WorstLag
}

export type WorstLag = ReadonlyMap<string, number>

const NUMBERS = new Set([1, 2, 3, 4])

/** A block to redraw once a second. */
export function boardLines(screen: Screen, { at, of, traffic, status, worst }: Moment): string[] {
  const heading = `${clock(at)}${of === undefined ? '' : ` of ${clock(of)}`}`
  const committed = `${count(traffic.committed)} transactions, ${count(traffic.committed / Math.max(at, 0.1))} a second`
  const rows = [['sink', 'changes behind', 'lag', 'greatest', 'applied']]
  for (const [name, greatest] of worst) {
    const { lag, applied } = status?.sinks[name] ?? {}
    const behind = status === undefined ? 'down' : count(lag?.records)
    rows.push([name, behind, seconds(lag?.seconds), seconds(greatest), count(applied)])
  }
  const [head, ...sinks] = aligned(rows, NUMBERS)
  return [
    `${screen.style('bold', heading)}   ${committed}`,
    screen.style('dim', head!),
    ...sinks.map(line => screen.style(status === undefined ? 'red' : 'green', line)),
  ]
}

const TIME_WIDTH = 4
const COUNT_WIDTH = 12
const LAG_WIDTH = 7

/** The same as a table that grows by a line now and then, for output that is not a terminal: its head. */
export function boardHead(worst: WorstLag): string {
  return boardRow('time', 'transactions', worst, name => name)
}

export function boardLine({ at, traffic, status, worst }: Moment): string {
  const lag = (name: string): string => (status === undefined ? 'down' : seconds(status.sinks[name]?.lag.seconds))
  return boardRow(clock(at), count(traffic.committed), worst, lag)
}

export function boardFoot(worst: WorstLag): string {
  return boardRow('', 'greatest', worst, name => seconds(worst.get(name)))
}

function boardRow(time: string, transactions: string, worst: WorstLag, cell: (name: string) => string): string {
  const sinks = [...worst.keys()].map(name => cell(name).padStart(Math.max(LAG_WIDTH, name.length)))
  return [time.padStart(TIME_WIDTH), transactions.padStart(COUNT_WIDTH), ...sinks].join('   ')
}

/** `1:05` */
export function clock(total: number): string {
  const whole = Math.floor(total)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
