import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from '@jest/globals'
import { availableMysql } from '../support/mysql/programs.ts'
import { itIf } from '../support/skip.ts'

const MAIN = fileURLToPath(new URL('../why/main.ts', import.meta.url))

it('npm run why shows the transaction that pg-logical-replication loses, and ours does not, in under a minute', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'pg-logical-replication'], { timeout: 60_000 })
  const orders = stdout.split('\n').filter(line => /\b(yes|LOST)\b/.test(line))
  expect(orders.map(line => line.trim().split(/ {2,}/))).toEqual([
    ['the database', 'yes', 'yes', 'yes'],
    ['pg-logical-replication', 'yes', 'LOST', 'yes'],
    ['Tailrace', 'yes', 'yes', 'yes'],
  ])
  const [, end] = /Its commit ends at (\S+)/.exec(stdout)!
  expect(stdout).toContain(`Its commit begins at ${end}: right behind the first.`)
}, 70_000)

const available = await availableMysql('mysql')

itIf('programs' in available, 'reason' in available ? available.reason : '')(
  'npm run why shows what zongji loses and gets wrong, and ours does not, in under a minute',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'zongji'], { timeout: 60_000 })
    const told = stdout.split('\n').filter(line => /^ {5}(@vlasky|Tailrace)/.test(line))
    expect(told.filter(line => line.includes('@vlasky')).map(line => line.endsWith('WRONG'))).toEqual(
      Array(5).fill(true),
    )
    expect(told.filter(line => line.includes('Tailrace')).map(line => line.endsWith('WRONG'))).toEqual(
      Array(5).fill(false),
    )
  },
  70_000,
)
