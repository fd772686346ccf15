/**
 * Watches a pipeline from outside: `latency-observer.ts CHANGES_URL REDIS_PORT`. Writes `ready` when it sees everything;
 * at the end of its input a JSON object of `durable` and `visible`: [key, when], nanoseconds on the machine's monotonic
 * clock, as text.
 *
 * Durable: a change arrives on `GET /changes`, which tells of nothing that is not on disk. Visible: the keyspace
 * notification of its key, which Redis sends in the turn that runs the EXEC.
 */
import { get } from 'node:http'
import { connect } from 'node:net'

const [changesUrl, port] = process.argv.slice(2) as [string, string]
const durable: [string, string][] = []
const visible: [string, string][] = []

const now = (): string => String(process.hrtime.bigint())

function follow(onData: (listener: (bytes: Buffer) => void) => void, find: RegExp, into: [string, string][]): void {
  let rest = ''
  onData(bytes => {
    const when = now()
    const lines = (rest + bytes.toString()).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const key = find.exec(line)?.[1]
      if (key !== undefined) into.push([key, when])
    }
  })
}

const changes = new Promise<void>((resolve, reject) => {
  get(changesUrl, { headers: { accept: 'application/x-ndjson' } }, response => {
    follow(listener => response.on('data', listener), /"key":\{"id":(\d+)\}/, durable)
    resolve()
  }).once('error', reject)
})
const redis = connect(Number(port), '127.0.0.1')
redis.setNoDelay(true)
const subscribed = new Promise<void>((resolve, reject) => {
  redis.once('data', () => resolve())
  redis.once('error', reject)
})
redis.write('SUBSCRIBE __keyevent@0__:set\r\n')
await Promise.all([changes, subscribed])
follow(listener => redis.on('data', listener), /:(\d+)\r$/, visible)
process.stdout.write('ready\n')

process.stdin.resume()
process.stdin.once('end', () => {
  process.stdout.write(`${JSON.stringify({ durable, visible })}\n`, () => process.exit(0))
})
