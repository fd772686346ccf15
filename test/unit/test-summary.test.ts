import { describe, expect, it } from '@jest/globals'
import { skipReason, withReason } from '../support/skip-mark.ts'
import { type JestReport, readJestReport, summary } from '../support/test-summary.ts'

type File = JestReport['testResults'][number]

function file(tests: readonly [name: string, status: string][], status = 'passed'): File {
  const assertionResults = tests.map(([fullName, status]) => ({ fullName, status }))
  return { name: '/root/test/unit/a.test.ts', status, startTime: 1000, endTime: 3500, assertionResults }
}

describe('the sum of a test run', () => {
  it('counts what passed, failed and was skipped with a reason', () => {
    const skipped = withReason('needs a mount', 'not root')
    const report = {
      testResults: [
        file([
          ['a', 'passed'],
          ['b', 'passed'],
          [skipped, 'pending'],
          ['c', 'failed'],
        ]),
      ],
    }
    const { lines, failed } = summary([readJestReport(report, '/root')])
    expect(failed).toBe(1)
    expect(lines).toEqual([
      'slow: 2.5 s test/unit/a.test.ts',
      'skipped: test/unit/a.test.ts: needs a mount: not root',
      'failed: test/unit/a.test.ts: c',
      '2 passed, 1 failed, 1 skipped',
    ])
  })

  it('ends with two numbers if nothing was skipped', () => {
    const { lines, failed } = summary([readJestReport({ testResults: [file([['a', 'passed']])] }, '/root')])
    expect([failed, lines.at(-1)]).toEqual([0, '1 passed, 0 failed'])
  })

  it('takes a skip without a reason for a failure', () => {
    for (const status of ['pending', 'todo', 'disabled']) {
      const { failed } = readJestReport({ testResults: [file([['left out', status]])] }, '/root')
      expect(failed).toEqual([`test/unit/a.test.ts: left out (${status}, and no reason given)`])
    }
  })

  it('takes a file that could not run for a failure', () => {
    expect(readJestReport({ testResults: [file([], 'failed')] }, '/root').failed).toHaveLength(1)
  })

  it('finds the reason again inside the name of a suite', () => {
    const name = `${withReason('PostgreSQL 14', 'no [network]\nhere')} copies`
    expect(skipReason(name)).toEqual({ name: 'PostgreSQL 14 copies', reason: 'no [network here' })
  })
})
