import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { loadConfig } from '../../../config/load.ts'
import { typesText } from '../../../runtime/cli/types.ts'
import { OrderedMemoryLog } from '../../../runtime/log/memory/ordered.ts'
import type { PipelineConfig } from '../../../runtime/pipeline-config.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { defineTransform, type Transform } from '../../../runtime/transform.ts'
import { column, table, transaction, tuple } from '../../support/records.ts'
import { deliverShaped, Kept, RowsSink } from '../../support/shaped.ts'

const orders = table('orders', {
  columns: [column('note'), column('id', 'int64'), column('at', 'timestamptz'), column('total', 'decimal')],
  key: [1],
})
interface Tables {
  readonly 'app.public.orders': {
    readonly note: string | null
    readonly id: bigint
    readonly at: string | null
    readonly total: string | null
  }
}
const AT = '2026-01-31 10:00:00.5+00'

async function made(transform: Transform, where?: string): Promise<RowsSink> {
  const log = new OrderedMemoryLog()
  const writer = new BatchWriter()
  writer.announce(orders)
  const write = (w: BatchWriter): void => {
    w.row('c', orders, tuple('a b', '9007199254740993', AT, '1.50'))
    w.row('c', orders, tuple(null, '2', null, '2'))
    w.row('c', orders, tuple('x', '3', AT, '3'))
    w.row('u', orders, tuple(undefined, '4', AT, '3'))
    w.delete(orders, tuple(null, '3', null, null), false)
  }
  await log.append(transaction(writer, '0/1', write))
  const options = {
    transform: { digest: 'd', tables: Object.keys(transform) },
    where: where === undefined ? undefined : { 'app.public.orders': where },
  }
  const sink = new RowsSink()
  await deliverShaped(log, new Kept(options, transform), sink)
  return sink
}

const of = (row: (order: Tables['app.public.orders']) => object | undefined): Transform =>
  defineTransform<Tables>({
    'app.public.orders': { columns: { x: 'int32', y: 'boolean' }, row: row as () => undefined },
  })

describe('a function of rows', () => {
  it('makes the rows of a sink, of whole rows, behind their keys', async () => {
    const transform = defineTransform<Tables>({
      'app.public.orders': {
        columns: { words: 'json', at: 'timestamptz', total: 'decimal', big: 'int64', open: 'boolean', none: 'text' },
        row: ({ note, id, at, total }) =>
          note === null ? undefined : { words: [note, id], at, total, big: id, open: id > 5n },
      },
    })
    const { all, kinds, tables } = await made(transform)
    expect(all).toEqual([
      JSON.stringify({
        ...{
          id: '9007199254740993',
          words: '["a b",9007199254740993]',
          at: AT,
          total: '1.50',
          big: '9007199254740993',
        },
        ...{ open: 't', none: null },
      }),
    ])
    // What it has no row of is deleted; what is not whole waits.
    expect(kinds).toEqual(['c t9007199254740993', 'd t2', 'd t3'])
    const shaped = tables.get(orders.name)!
    expect([shaped.id, shaped.key]).toEqual([1, [0]])
    expect(shaped.columns.map(({ type }) => type.kind)).toEqual(
      ['int64', 'json', 'timestamptz', 'decimal', 'int64', 'boolean', 'text'], //
    )
  })

  it('is asked for the rows alone that the condition is true of', async () => {
    const seen: bigint[] = []
    const transform = of(({ id }) => {
      seen.push(id)
      return { x: 1 }
    })
    await made(transform, 'total >= 3')
    expect(seen).toEqual([3n])
  })

  it.each([
    [() => ({ x: 'text' }), 'what it gave for "x" is no int32'],
    [() => ({ x: 1.5 }), 'what it gave for "x" is no int32'],
    [() => ({ y: 1 }), 'what it gave for "y" is no boolean'],
    [() => ({ z: 1 }), 'its row has a column "z" that `columns` does not name'],
    [async () => ({ x: 1 }), 'it did not answer a row'],
    [() => [(null as unknown as string).toUpperCase()], 'it threw TypeError at transform.test.ts:'],
  ] as const)('stops the sink where %s is no row of it, without a value', async (row, message) => {
    const failing = made(of(row as () => object))
    await expect(failing).rejects.toMatchObject({ code: 'TRANSFORM_FAILED', message: expect.stringContaining(message) })
    await expect(failing).rejects.not.toMatchObject({ message: expect.stringContaining('1.50') })
  })
})

it('the types of rows are those that a function gets', () => {
  const columns = [
    { ...column('id', 'int64'), nullable: false },
    column('ratio', 'float64'),
    { name: 'state', type: { kind: 'enum', labels: ['new', "it's"] }, declared: 'state', nullable: false } as const,
    { ...column('secret', 'int32'), nullable: false, masked: true },
  ]
  const text = typesText([table('a b', { name: 'app.public."a b"', columns })])
  expect(text.split('\n').slice(1).join('\n')).toBe(`export interface Tables {
  readonly "app.public.\\"a b\\"": {
    readonly "id": bigint
    readonly "ratio": number | string | null
    readonly "state": "new" | "it's"
    readonly "secret": string | null
  }
}
`)
})

describe('the file that a sink names', () => {
  async function load(text: string | undefined): Promise<PipelineConfig> {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-transform-'))
    try {
      if (text !== undefined) await writeFile(join(folder, 'search.mjs'), text)
      const yaml = `pipeline: shop
log:
  type: memory
sources:
  app:
    type: generate
sinks:
  copy:
    type: jsonl
    path: ./out
    transform: ./search.mjs
`
      await writeFile(join(folder, 'tailrace.yaml'), yaml)
      return await loadConfig(join(folder, 'tailrace.yaml'), {})
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  it('is loaded with the configuration, and told by a digest of its text', async () => {
    const [sink] = (await load("export default { 'app.public.a': { columns: {}, row: () => ({}) } }")).sinks
    expect(sink!.shape.transform).toEqual({ digest: expect.stringMatching(/^[0-9a-f]{64}$/), tables: ['app.public.a'] })
    expect(sink!.transform!['app.public.a']!.row({})).toEqual({})
  })

  it.each([
    [undefined, 'there is no such file'],
    ['export default 7', 'what it exports is no object'],
    ['export const a = 7', 'it exports nothing as default'],
    ["export default { 'public.a': {} }", 'is not a name or pattern'],
    ["export default { 'app.public.a': { row: 7 } }", 'app.public.a has not both `columns` and `row`'],
    ['export default {', 'it cannot be loaded'],
  ])('is refused where it is %j', async (text, message) => {
    await expect(load(text)).rejects.toMatchObject({
      code: 'CONFIG_TRANSFORM',
      message: expect.stringContaining(message),
    })
  })
})
