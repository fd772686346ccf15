import { readFile } from 'node:fs/promises'
import { expect, it } from '@jest/globals'
import { configSchema, configSchemaText } from '../../../config/json-schema.ts'
import { builtInPlugins } from '../../../runtime/plugin.ts'

const FILE = new URL('../../../config/tailrace.schema.json', import.meta.url)

it('the schema that is shipped is the one the plugins make (else: npm run -s tailrace config-schema > config/tailrace.schema.json)', async () => {
  expect(await readFile(FILE, 'utf8')).toBe(await configSchemaText())
})

it('the schema knows the options of every built-in plugin and refuses others', async () => {
  const { properties } = await configSchema()
  const log = JSON.stringify(properties?.log)
  for (const type of builtInPlugins('log')) expect(log).toContain(`"const":"${type}"`)
  expect(log).toContain('"additionalProperties":false')
})

it('editors accept a variable where a size is wanted', async () => {
  const schema = JSON.stringify(await configSchema())
  expect(schema).toContain('{"type":"string","pattern":"\\\\$\\\\{"}')
})
