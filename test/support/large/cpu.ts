import { readFileSync } from 'node:fs'

/** Of `/proc/PID/stat`, in ticks of 10 ms. */
const TICKS_PER_SECOND = 100
const USER = 11
const SYSTEM = 12

/** Seconds of processor that a process has used, all its threads together. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[USER]) + Number(fields[SYSTEM])) / TICKS_PER_SECOND
}
