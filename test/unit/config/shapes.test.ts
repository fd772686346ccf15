import { expect, it } from '@jest/globals'
import { parseConfig } from '../../../config/load.ts'
import type { SinkConfig } from '../../../runtime/pipeline-config.ts'

const HEAD = `pipeline: shop
log:
  type: memory
sources:
  app:
    type: generate
sinks:
  copy:
    type: jsonl
    path: ./out
`

async function sinkWith(lines: string): Promise<SinkConfig> {
  const text = `${HEAD}${lines}`
  const place = { file: 'tailrace.yaml', folder: '/nowhere', environment: {} }
  return (await parseConfig(text, place)).sinks[0]!
}

const refused = async (lines: string): Promise<string> => {
  try {
    await sinkWith(lines)
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint?: string }
    return `${code} ${message} ${hint ?? ''}`
  }
  throw new Error('it was taken')
}

it('what a sink declares of its tables is taken as it is written', async () => {
  const { shape } = await sinkWith(`    where:
      app.public.orders: status <> 'draft' and total >= 10
      app.public.*: "\\"a b\\" is null"
    fields:
      app.public.orders:
        - id
        - customer: customer_id
        - kind:
            value: 7
        - payload: { json: text }
        - "*"
    schemaChanges: stop
`)
  expect(shape).toEqual({
    where: { 'app.public.orders': "status <> 'draft' and total >= 10", 'app.public.*': '"a b" is null' },
    fields: {
      'app.public.orders': [
        'id',
        { customer: 'customer_id' },
        { kind: { value: 7 } },
        { payload: { json: 'text' } },
        '*',
      ],
    },
    schemaChanges: 'stop',
  })
  expect((await sinkWith('')).shape).toEqual({ where: undefined, fields: undefined, schemaChanges: 'evolve' })
})

it.each([
  ["    where:\n      app.public.orders: status = 'a' nd b\n", 'CONFIG_SHAPE tailrace.yaml:12:39: sinks.copy.where'],
  ['    where:\n      app.public.orders: "status == 1"\n', 'tailrace.yaml:12:35: '],
  ['    where:\n      app.public.orders: >-\n        status\n        ==\n', 'tailrace.yaml:12:26: '],
  ['    where:\n      app.public.orders: >-\n        status\n        ==\n', ', at character 9'],
  ['    where:\n      public.orders: a\n', 'CONFIG_PATTERN tailrace.yaml:12:7: '],
  ['    where:\n      ap.public.orders: a\n', 'there is no source "ap" did you mean "app"?'],
  ['    tables: [app.a.b]\n    where:\n      app.public.orders: a\n', 'the sink does not take "app.public.orders"'],
  ['    where:\n      app.public.orders: 7\n', 'CONFIG_INVALID'],
  ['    where:\n      app.public.orders: true\n', 'Put it in quotes.'],
  ['    fields:\n      app.public.orders: []\n', 'CONFIG_INVALID'],
  ['    fields:\n      app.public.orders:\n        - a: b\n          c: d\n', 'one column stands in each line'],
  ['    fields:\n      app.public.orders:\n        - a: { valu: 1 }\n', 'did you mean "value"?'],
  ['    fields:\n      app.public.orders:\n        - a: { value: 12345678901234567890 }\n', 'so many digits'],
  ['    schemaChanges: ignored\n', 'did you mean "ignore"?'],
])('%j is refused: %s', async (lines, message) => {
  expect(await refused(lines)).toContain(message)
})
