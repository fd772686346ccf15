import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from '@jest/globals'
import type { DemoReport } from '../../runtime/demo/run.ts'
import { until } from '../support/until.ts'

const MAIN = fileURLToPath(new URL('../../runtime/cli/main.ts', import.meta.url))
const MINUTES = 60_000

interface Demo {
  readonly child: ChildProcess
  /** What it has printed so far. */
  readonly page: () => string
  /** Its exit status, and what it said if that is not the expected one. */
  readonly exit: Promise<number | null>
}

function startDemo(...options: string[]): Demo {
  const child = spawn(process.execPath, [MAIN, 'demo', ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  let page = ''
  child.stdout.on('data', (data: Buffer) => {
    page += data.toString()
  })
  return { child, page: () => page, exit: once(child, 'close').then(([code]) => code as number | null) }
}

it(
  'ends with every sink equal to the source, after a crash amid traffic',
  async () => {
    const demo = startDemo('--seconds', '4', '--json')
    expect(await demo.exit).toBe(0)
    const { equal, rows, committed, logged, crash, search, proof } = JSON.parse(demo.page()) as DemoReport
    expect({ equal, rows }).toEqual({ equal: true, rows: 70_000 })
    expect(logged).toMatchObject({ transactions: committed, repeated: 0 })
    expect(committed).toBeGreaterThan(100)
    expect(crash.logBefore).toBeGreaterThan(70_000)
    expect(crash.logAfter).toBeGreaterThanOrEqual(crash.logBefore!)
    expect(search.hits[0]?.sku).toBe('SKU-NEW')
    expect(Object.keys(proof.places)).toEqual(['source', 'search', 'files'])
    const digests = Object.values(proof.places).map(tables => tables.map(({ table, digest }) => ({ table, digest })))
    expect(digests[1]).toEqual(digests[0])
    expect(digests[2]).toEqual(digests[0])
    expect(digests[0]).toHaveLength(4)
  },
  2 * MINUTES,
)

it(
  'fails and names the keys where a sink was tampered with',
  async () => {
    const demo = startDemo('--seconds', '2', '--tamper')
    expect(await demo.exit).toBe(1)
    const found = demo.page().match(/\S+=\d+: .*/g)
    const each = ['id=77: changed (name)', 'id=88: missing', 'id=99000001: extra']
    expect(found).toEqual([...each, ...each])
    expect(demo.page()).toContain('Not equal')
  },
  2 * MINUTES,
)

it(
  'leaves nothing behind when it is interrupted',
  async () => {
    const demo = startDemo('--seconds', '60')
    await until(() => demo.page().includes('and a crash'), 'the shop has customers', 60)
    const config = /configuration (.*)/.exec(demo.page())![1]!
    const folder = dirname(config)
    const { pid } = JSON.parse(readFileSync(join(folder, 'data', 'tailrace.json'), 'utf8')) as { pid: number }
    demo.child.kill('SIGINT')
    expect(await demo.exit).toBe(130)
    expect(existsSync(folder)).toBe(false)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  },
  2 * MINUTES,
)
