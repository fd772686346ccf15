import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from '@jest/globals'
import type { DemoReport } from '../../runtime/demo/run.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { until } from '../support/until.ts'

const MAIN = fileURLToPath(new URL('../../runtime/cli/main.ts', import.meta.url))
const MINUTES = 60_000

interface Demo {
  readonly child: ChildProcess
  /** What it has printed so far. */
  readonly page: () => string
  /** Its exit status; null after a signal. */
  readonly exit: Promise<number | null>
}

function startDemo(...options: string[]): Demo {
  const child = spawn(process.execPath, [MAIN, 'demo', '--rows', `${ROWS}`, '--no-engine', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let page = ''
  child.stdout.on('data', (data: Buffer) => {
    page += data.toString()
  })
  return { child, page: () => page, exit: once(child, 'close').then(([code]) => code as number | null) }
}

/** A tenth of the shop that people see. */
const ROWS = 7000
const SINKS = ['search', 'cache', 'warehouse', 'files']

/** The demo's own folder, and the process of its pipeline, as its page tells. */
function placeOf({ page }: Demo): { folder: string; pid: number } {
  const folder = dirname(/configuration (.*)/.exec(page())![1]!)
  const { pid } = JSON.parse(readFileSync(join(folder, 'data', 'tailrace.json'), 'utf8')) as { pid: number }
  return { folder, pid }
}

/** Not so what has ended and waits for whoever inherited it to take note, on Linux. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const status = `/proc/${pid}/stat`
    return !existsSync(status) || !/\) [ZX] /.test(readFileSync(status, 'utf8'))
  } catch {
    return false
  }
}

await describeRedis('the demo, where a Redis runs', () => {
  it(
    'ends with every sink equal to the source, after a crash amid traffic, and leaves the Redis as it was',
    async () => {
      await using server = await startRedis()
      const before = await fillRedis(server)
      const demo = startDemo('--seconds', '4', '--json', '--redis', `127.0.0.1:${server.port}`)
      expect(await demo.exit).toBe(0)
      const { equal, rows, committed, logged, crash, search, query, proof } = JSON.parse(demo.page()) as DemoReport
      expect({ equal, rows }).toEqual({ equal: true, rows: ROWS })
      expect(logged).toMatchObject({ transactions: committed, repeated: 0 })
      expect(committed).toBeGreaterThan(100)
      expect(crash.logBefore).toBeGreaterThan(ROWS)
      expect(crash.logAfter).toBeGreaterThanOrEqual(crash.logBefore!)
      expect(search.hits[0]?.sku).toBe('SKU-NEW')
      expect(JSON.parse(search.cached!)).toMatchObject({ sku: 'SKU-NEW', price: '129.00' })
      expect(query?.rows[0]).toMatchObject({ country: 'Portugal' })
      expect(Object.keys(proof.places)).toEqual(['source', ...SINKS])
      const [source, ...sinks] = Object.values(proof.places).map(tables =>
        tables.map(({ table, digest }) => ({ table, digest })),
      )
      for (const sink of sinks) expect(sink).toEqual(source)
      expect(source).toHaveLength(4)
      expect(await contentOf(server)).toEqual(before)
    },
    3 * MINUTES,
  )

  it(
    'leaves nothing behind when it is killed amid traffic, in that Redis neither',
    async () => {
      await using server = await startRedis()
      const before = await fillRedis(server)
      const demo = startDemo('--seconds', '60', '--redis', `127.0.0.1:${server.port}`)
      await until(() => demo.page().includes('and a crash'), 'the shop has customers', 90)
      const { folder, pid } = placeOf(demo)
      expect(Number(await server.text(['DBSIZE']))).toBeGreaterThan(ROWS)
      demo.child.kill('SIGKILL')
      await demo.exit
      await until(() => !existsSync(folder) && !isAlive(pid), 'its folder and its process are gone', 60)
      expect(await contentOf(server)).toEqual(before)
    },
    3 * MINUTES,
  )

  it(
    'starts one where none runs, fails and names the keys where a sink was tampered with',
    async () => {
      const demo = startDemo('--seconds', '2', '--tamper', '--redis', '127.0.0.1:1')
      expect(await demo.exit).toBe(1)
      const started = demo.page().includes('started for this')
      const found = demo.page().match(/\S+ \S+=\d+: .*/g)
      const each = ['id=77: changed (name)', 'id=88: missing', 'id=99000001: extra'].map(text => `customers ${text}`)
      const names = SINKS.filter(name => started || name !== 'cache')
      expect(found).toEqual(names.flatMap(() => each))
      expect(demo.page()).toContain('Not equal')
    },
    3 * MINUTES,
  )
})

it(
  'goes on without a cache, stays up when asked to, and leaves nothing behind when it is interrupted',
  async () => {
    const demo = startDemo('--seconds', '2', '--forever', '--no-redis')
    await until(() => demo.page().includes('Everything stays up'), 'it is up for good', 150)
    expect(demo.page()).toMatch(/cache {7}none/)
    expect(demo.page()).toContain('All equal')
    const { folder, pid } = placeOf(demo)
    demo.child.kill('SIGINT')
    expect(await demo.exit).toBe(130)
    expect(existsSync(folder)).toBe(false)
    expect(isAlive(pid)).toBe(false)
  },
  3 * MINUTES,
)

/** What somebody might have there, a pipeline of Tailrace's included; answers the content. */
async function fillRedis(server: RedisServer): Promise<unknown> {
  await server.command(['SET', 'demo:public.customers:77', 'mine'])
  await server.command(['HSET', '_tailrace:demo:cache:app', 'log', 'another', 'cursor', 'c', 'epoch', '7'])
  await server.command(['SADD', '_tailrace', '_tailrace:demo:cache:app'])
  return contentOf(server)
}

async function contentOf(server: RedisServer): Promise<unknown> {
  const keys = ((await server.command(['KEYS', '*'])) as readonly Buffer[]).map(String).sort()
  return Promise.all(keys.map(async key => [key, await server.text(['DUMP', key])]))
}
