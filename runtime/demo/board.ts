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
}

const NUMBERS = new Set([1, 2, 3])

/** A block to redraw once a second. */
export function boardLines(screen: Screen, { at, of, traffic, status }: Moment): string[] {
  const heading = `${clock(at)}${of === undefined ? '' : ` of ${clock(of)}`}`
  const committed = `${count(traffic.committed)} transactions, ${count(traffic.committed / Math.max(at, 0.1))} a second`
  const rows = [['sink', 'changes behind', 'lag', 'applied']]
  for (const [name, { lag, applied }] of Object.entries(status?.sinks ?? {}))
    rows.push([name, count(lag.records), seconds(lag.seconds), count(applied)])
  if (status === undefined) for (const name of ['search', 'files']) rows.push([name, 'down', '-', '-'])
  const [head, ...sinks] = aligned(rows, NUMBERS)
  return [
    `${screen.style('bold', heading)}   ${committed}`,
    screen.style('dim', head!),
    ...sinks.map(line => screen.style(status === undefined ? 'red' : 'green', line)),
  ]
}

/** The same on one line, for output that is not a terminal. */
export function boardLine({ at, traffic, status }: Moment): string {
  const sinks = Object.entries(status?.sinks ?? {}).map(
    ([name, { lag }]) => `${name} ${count(lag.records)} behind, ${seconds(lag.seconds)}`,
  )
  const state = status === undefined ? ['pipeline down'] : sinks
  return [clock(at), `${count(traffic.committed).padStart(6)} transactions`, ...state].join('   ')
}

/** `1:05` */
export function clock(total: number): string {
  const whole = Math.floor(total)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
