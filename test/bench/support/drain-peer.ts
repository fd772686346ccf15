/**
 * Drains a slot with the package `pg-logical-replication` and its defaults, which acknowledge every message:
 * `drain-peer.ts URL SLOT PUBLICATION END_LSN`. Prints the changes it saw and the milliseconds as JSON.
 */
import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication'

const [url, slot, publication, end] = process.argv.slice(2) as [string, string, string, string]

const lsn = (text: string): bigint => {
  const [high, low] = text.split('/') as [string, string]
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}

const service = new LogicalReplicationService({ connectionString: url })
const began = performance.now()
let changes = 0
const last = lsn(end)
service.on('data', (position: string, message: { tag: string }) => {
  if (message.tag === 'insert' || message.tag === 'update' || message.tag === 'delete') changes++
  else if (message.tag === 'commit' && lsn(position) >= last) finish()
})
service.on('heartbeat', (position: string) => {
  if (lsn(position) >= last) finish()
})
service.on('error', error => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
})

function finish(): void {
  process.stdout.write(`${JSON.stringify({ changes, ms: performance.now() - began })}\n`)
  process.exit(0)
}

await service.subscribe(new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication] }), slot)
