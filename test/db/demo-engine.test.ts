/** The demo where a search engine runs already. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from '@jest/globals'
import type { DemoReport } from '../../runtime/demo/run.ts'
import { EngineSink } from '../../runtime/demo/sinks/engine.ts'
import { openSearch } from '../support/search/engines.ts'
import { describeSearch } from '../support/search/search-suite.ts'

const MAIN = fileURLToPath(new URL('../../runtime/cli/main.ts', import.meta.url))
const ROWS = '7000'
const MINUTES = 60_000
await describeSearch(await openSearch(), server => {
  const demo = async (...more: string[]): Promise<{ code: number; page: string }> => {
    const args = [MAIN, 'demo', '--rows', ROWS, '--seconds', '2', '--no-redis', '--engine', server().url, ...more]
    try {
      return { code: 0, page: (await promisify(execFile)(process.execPath, args)).stdout }
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string }
      return { code, page: stdout }
    }
  }

  it(
    'the shop is found in it, equal to the source, and nothing is left there',
    async () => {
      await server().ask('PUT', '/of-its-owner', {})
      const { code, page } = await demo('--json')
      expect(code).toBe(0)
      const { equal, search, proof } = JSON.parse(page) as DemoReport
      expect(equal).toBe(true)
      expect(search.found?.[0]?.sku).toBe('SKU-NEW')
      expect(Object.keys(proof.places)).toContain('engine')
      const left = (await server().ask('GET', '/_cat/indices?format=json&expand_wildcards=all')) as { index: string }[]
      expect(left.map(({ index }) => index)).toEqual(['of-its-owner'])
    },
    3 * MINUTES,
  )

  it(
    'what somebody changes in it is found',
    async () => {
      const { code, page } = await demo('--tamper')
      expect(code).toBe(1)
      const found = page.match(/\S+ id=\d+: .*/g)
      const each = ['id=77: changed (name)', 'id=88: missing', 'id=99000001: extra'].map(text => `customers ${text}`)
      // Search, engine, warehouse, files.
      expect(found).toEqual([...each, ...each, ...each, ...each])
    },
    3 * MINUTES,
  )

  it('what else listens there is left alone', async () => {
    const { signal } = new AbortController()
    expect(await EngineSink.find('http://127.0.0.1:1', 'demo_x', signal)).toMatch(
      /^no Elasticsearch or OpenSearch answers/,
    )
    expect(await EngineSink.find(`${server().url}/_cluster/health`, 'demo_x', signal)).toMatch(/is no search engine/)
  })
})
