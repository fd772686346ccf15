import { existsSync, readlinkSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { basename } from 'node:path'

/** Linux has a priority for each thread, and says here which one asks. */
const SELF = '/proc/thread-self'

const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority

/** From here on the calling thread gives way to others, where the system knows of threads. */
export function giveWay(to: 'others' | 'everybody'): void {
  if (!existsSync(SELF)) return
  setPriority(Number(basename(readlinkSync(SELF))), to === 'others' ? PRIORITY_BELOW_NORMAL : PRIORITY_LOW)
}
