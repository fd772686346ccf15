/**
 * A process that appends keyed units to a real log and compacts it again and again until it is ended:
 * `node compaction-child.ts FOLDER SEED`. Says the number of each unit once it is acknowledged.
 */
import { writeSync } from 'node:fs'
import embedded from '../../runtime/log/embedded.ts'
import { Random } from '../crash/random.ts'
import { itemWriter, keyedUnit } from './keyed-units.ts'
import { lastUnit, never, silent } from './log-life.ts'

const UNITS_A_PASS = 15

const [folder, seed] = process.argv.slice(2) as [string, string]
const options = { path: folder, segmentBytes: '2KB', keepHistory: '0s', deleteRetention: '0s' }
const context = { pipeline: 'test', name: 'app', logger: silent, folder }
const log = await embedded.open(embedded.config.parse(options), context)
const writer = itemWriter(log)
const state = new Map<string, string>()
const last = await lastUnit(log)
for (let unit = 1; ; unit++) {
  const batch = keyedUnit(writer, new Random(Number(seed) + unit), unit, state)
  if (unit <= last) continue
  await log.append(batch, never)
  writeSync(1, `${unit}\n`)
  if (unit % UNITS_A_PASS === 0) await log.compact!(never)
}
