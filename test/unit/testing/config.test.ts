import { join, resolve } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { testConfig } from '../../../runtime/testing/config.ts'

const FIXTURES = resolve(import.meta.dirname, '..', 'config', 'fixtures')
const TEXT = `pipeline: shop
sources:
  app: &database
    type: ${join(FIXTURES, 'source.ts')}
    url: postgres://production/shop
    tables: [public.item]
  other: *database
sinks:
  search:
    type: ${join(FIXTURES, 'sink.ts')}
    path: ./out
`
const folder = '/tmp/of-the-test'

describe('the configuration of a test', () => {
  it('has log, relative paths and port of its own, whatever the file says', async () => {
    const config = await testConfig({ config: TEXT, urls: {}, folder })
    expect(config.log.path).toBe(join(folder, 'log'))
    expect(config.sinks[0]?.options).toMatchObject({ path: join(folder, 'out') })
    expect(config.http).toEqual({ host: '127.0.0.1', port: 0, token: undefined })
  })

  it('puts a url in as it is, into the one source that is named', async () => {
    const url = 'postgres://me:a$bc$' + '{d}@here/test'
    const { sources } = await testConfig({ config: TEXT, urls: { app: url }, folder })
    expect(sources.map(({ options }) => (options as { url: string }).url)).toEqual([url, 'postgres://production/shop'])
  })

  it('has a pipeline name that is the same for the same database and no other', async () => {
    const name = async (url: string) => (await testConfig({ config: TEXT, urls: { app: url }, folder })).pipeline
    const here = await name('postgres://here/test')
    expect(here).toMatch(/^shop_[0-9a-f]{8}$/)
    expect(await name('postgres://here/test')).toBe(here)
    expect(await name('postgres://there/test')).not.toBe(here)
  })

  it.each(['sources: 5', 'log: 5', 'sinks: [1]', '- 1', 'log:'])('is refused as a file with `%s` is', async line => {
    const config = `${line}\nhttp: {}\n`
    await expect(testConfig({ config, urls: {}, folder })).rejects.toMatchObject({
      code: expect.stringMatching(/^CONFIG_/),
    })
  })
})
