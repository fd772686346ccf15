/**
 * A process that writes a canary to a real log, deletes it and has it forgotten: `node forget-child.ts FOLDER`. Ends at a
 * named place of it, or once that has resolved.
 */
import embedded from '../../runtime/log/embedded.ts'
import { CANARY_ROW, writeCanary } from './forget-canary.ts'
import { newestText } from './indexed-log.ts'
import { never, silent } from './log-life.ts'

const [folder] = process.argv.slice(2) as [string]
const context = { pipeline: 'test', name: 'app', logger: silent, folder }
await using log = await embedded.open(embedded.config.parse({ path: folder, segmentBytes: '2KB' }), context)
await writeCanary(log)
await newestText(log, '0')
await log.forget!([CANARY_ROW], never)
