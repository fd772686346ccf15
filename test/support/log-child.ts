/**
 * A process that owns a real log and appends to it until it is ended: `node log-child.ts FOLDER UNITS`. Says `open` on
 * standard output, then the number of each unit once it is acknowledged, and `end` when all are in; then it waits.
 */
import { writeSync } from 'node:fs'
import embedded from '../../runtime/log/embedded.ts'
import { Random } from '../crash/random.ts'
import { lastUnit, never, silent, UnitSource } from './log-life.ts'

const [folder, units] = process.argv.slice(2) as [string, string]
const config = embedded.config.parse({ path: folder, segmentBytes: '2KB' })
const log = await embedded.open(config, { pipeline: 'test', name: 'app', logger: silent, folder })
writeSync(1, 'open\n')
const source = new UnitSource(new Random(7), await lastUnit(log), process.pid)
while (source.unit < Number(units)) {
  for (const batch of source.next()) await log.append(batch, never)
  writeSync(1, `${source.unit}\n`)
}
writeSync(1, 'end\n')
process.stdin.on('data', async () => {
  await log[Symbol.asyncDispose]()
  process.exit(0)
})
