import { describe, expect, it } from '@jest/globals'
import { layerBreaches } from '../support/layer-rule.ts'
import { importedNames, readSources } from '../support/source-tree.ts'

function breaches(files: Readonly<Record<string, readonly string[]>>): string[] {
  return layerBreaches(new Map(Object.entries(files)))
}

describe('the layers', () => {
  it('hold in connectors, runtime, sinks and config', () => {
    const files = readSources(['connectors', 'runtime', 'sinks', 'config'])
    expect(files.length).toBeGreaterThan(10)
    expect(layerBreaches(new Map(files.map(({ path, text }) => [path, importedNames(text)])))).toEqual([])
  })
})

describe('the layer rule', () => {
  it('lets imports point downward', () => {
    const files = {
      'runtime/cli/run.ts': ['../pipeline.ts', '../../config/load.ts', '../http/server.ts', 'commander'],
      'runtime/http/server.ts': ['../status.ts', 'node:http'],
      'runtime/pipeline.ts': ['./ingest.ts', './plugin.ts'],
      'runtime/ingest.ts': ['./record/view.ts'],
      'runtime/plugin.ts': ['./contract.ts'],
      'runtime/status.ts': [],
      'runtime/contract.ts': [],
      'runtime/record/view.ts': ['../contract.ts'],
      'config/load.ts': ['../runtime/contract.ts'],
      'sinks/redis.ts': ['./redis/wire.ts', './common/batch.ts', '../runtime/plugin.ts'],
      'sinks/redis/wire.ts': ['../../runtime/contract.ts'],
      'sinks/common/batch.ts': [],
    }
    expect(breaches(files)).toEqual([])
  })

  it.each([
    ['the base an engine', 'runtime/errors.ts', '../runtime/ingest.ts', 'runtime/ingest.ts'],
    ['a record file a connector', 'runtime/record/view.ts', '../../connectors/pg/x.ts', 'connectors/pg/x.ts'],
    ['an engine the front', 'runtime/pipeline.ts', './http/server.ts', 'runtime/http/server.ts'],
    ['an engine the config', 'runtime/pipeline.ts', '../config/load.ts', 'config/load.ts'],
    ['the command line a plugin', 'runtime/cli/run.ts', '../../sinks/redis.ts', 'sinks/redis.ts'],
    ['a plugin a plugin', 'sinks/valkey.ts', './redis.ts', 'sinks/redis.ts'],
    ['a sink a connector', 'sinks/redis.ts', '../connectors/pg/x.ts', 'connectors/pg/x.ts'],
    ['a sink an engine', 'sinks/redis.ts', '../runtime/deliver.ts', 'runtime/deliver.ts'],
    ['a log a test', 'runtime/log/memory.ts', '../../test/support/x.ts', 'test/support/x.ts'],
    ['a file what is not there', 'runtime/errors.ts', './gone.ts', 'runtime/abort.ts'],
  ])('does not let %s import', (_, from, name, to) => {
    const found = breaches({ [from]: [name], [to]: [] }).filter(breach => breach.startsWith(from))
    expect(found).toHaveLength(1)
  })

  it("does not let a plugin into another one's folder", () => {
    const files = {
      'sinks/a.ts': ['./b/x.ts'],
      'sinks/b.ts': ['./b/x.ts'],
      'sinks/b/x.ts': ['./y.ts'],
      'sinks/b/y.ts': [],
    }
    expect(breaches(files)).toEqual(['sinks/a.ts imports sinks/b/x.ts, which belongs to another plugin'])
  })

  it('names a file that lies in no layer', () => {
    expect(breaches({ 'runtime/stuff/x.ts': [] })).toEqual(['runtime/stuff/x.ts lies in no layer'])
  })

  it('finds cycles', () => {
    const files = { 'runtime/a.ts': ['./b.ts'], 'runtime/b.ts': ['./c.ts'], 'runtime/c.ts': ['./b.ts'] }
    expect(breaches(files)).toEqual(['import cycle: runtime/b.ts -> runtime/c.ts -> runtime/b.ts'])
  })

  it('reads every form of import', () => {
    const text = `
      import a, { type B } from './a.ts'
      import type { C } from './c.ts'
      import './d.ts'
      export { e } from './e.ts'
      export * from './f.ts'
      const g = await import('./g.ts')
      const h: import('./h.ts').H = g
      // import i from './i.ts'
      const j = "import j from './j.ts'"
      await import(j)`
    expect(importedNames(text).toSorted()).toEqual(['a', 'c', 'd', 'e', 'f', 'g', 'h'].map(name => `./${name}.ts`))
  })
})
