import { describe, expect, it } from '@jest/globals'
import { houseBreaches } from '../support/house-rule.ts'
import { readSources } from '../support/source-tree.ts'
import { TEST_GROUPS } from '../support/test-groups.ts'

const files = readSources(['connectors', 'runtime', 'sinks', 'config', 'test'])

describe('the house', () => {
  it('has files with one job, a name, no any, no barrels, and console at the command line only', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(files.flatMap(houseBreaches)).toEqual([])
  })

  it('runs every test file in npm test', () => {
    const tests = files.filter(({ path }) => path.endsWith('.test.ts')).map(({ path }) => path)
    expect(tests).toContain('test/unit/house.test.ts')
    const run = TEST_GROUPS.flatMap(({ tests }) => tests)
    expect(tests.filter(path => !run.some(folder => path.startsWith(folder)))).toEqual([])
  })
})

describe('the house rule', () => {
  const path = 'runtime/ingest.ts'

  it.each([
    ['300 lines', { path, text: 'f()\n'.repeat(300) }],
    ['a name that says nothing', { path: 'runtime/utils.ts', text: '' }],
    ['any', { path, text: 'const list: Map<string, any[]> = new Map()' }],
    ['console', { path, text: 'const say = () => console.log(1)' }],
    ['a barrel', { path, text: "export * from './a.ts'" }],
    ['a re-export', { path, text: "export { a } from './a.ts'" }],
  ])('finds %s', (_, file) => {
    expect(houseBreaches(file)).toHaveLength(1)
  })

  it.each([
    ['299 lines', { path, text: 'f()\n'.repeat(299) }],
    ['any and console in words', { path, text: "// any console\nexport const words = 'any console'\n" }],
    ['the command line printing', { path: 'runtime/cli/run.ts', text: 'console.log(1)\n' }],
  ])('allows %s', (_, file) => {
    expect(houseBreaches(file)).toEqual([])
  })
})
