import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'

const ROOT = new URL('../../', import.meta.url)
const { exports, files } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>
  files: string[]
}
const modules = Object.entries(exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{ name, ...target }],
)

describe('the exports of the package', () => {
  it.each(modules)('$name is a built module with its types', async ({ types, default: built }) => {
    const source = built.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts')
    expect(existsSync(new URL(source, ROOT))).toBe(true)
    expect(types).toBe(built.replace(/\.js$/, '.d.ts'))
    expect(files).toContain('dist')
    await expect(import(new URL(source, ROOT).href)).resolves.toBeDefined()
  })

  it('suffice to write a plugin', async () => {
    const named: Record<string, unknown> = {}
    for (const { default: built } of modules)
      Object.assign(named, await import(new URL(built.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts'), ROOT).href))
    const needed = ['defineSource', 'defineLog', 'defineSink', 'TailraceError', 'BatchWriter', 'CellTag', 'encodeCells']
    expect(Object.keys(named)).toEqual(expect.arrayContaining([...needed, 'keyTexts', 'start']))
  })
})
