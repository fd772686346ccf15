/**
 * Drains a binary log with the package `@vlasky/zongji` and its defaults: `drain-zongji.ts URL FILE GTIDS LAST`. Prints
 * the changes it saw and the milliseconds as JSON.
 */
import ZongJi from '@vlasky/zongji'
import { BENCH_DATABASE } from './mysql-workload.ts'

const [url, , gtids, last] = process.argv.slice(2) as [string, string, string, string]
const zongji = new ZongJi({ uri: url })
const began = performance.now()
let changes = 0
zongji.on('binlog', event => {
  const rows = (event as { readonly rows?: readonly unknown[] }).rows
  if (rows !== undefined) changes += rows.length
  else if (event.getEventName() === 'xid' && event.gtid === last) {
    process.stdout.write(`${JSON.stringify({ changes, ms: performance.now() - began })}\n`)
    process.exit(0)
  }
})
zongji.on('error', error => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
})
zongji.start({
  gtidSet: gtids,
  serverId: 4711,
  includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows', 'xid'],
  includeSchema: { [BENCH_DATABASE]: true },
})
