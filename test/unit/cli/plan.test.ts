import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { z } from 'zod'
import { loadConfig } from '../../../config/load.ts'
import { initialConfig } from '../../../runtime/cli/init-file.ts'
import { makePlan, planText } from '../../../runtime/cli/plan.ts'
import type { Discovery, SourcePlugin } from '../../../runtime/contract.ts'
import type { PipelineConfig } from '../../../runtime/pipeline-config.ts'
import { defineSource } from '../../../runtime/plugin.ts'

const FOUND: Discovery = {
  tables: [
    { schema: 'public', table: 'orders', key: ['id'], rows: 1_000_000, bytes: 400 * 1024 ** 2 },
    { schema: 'public', table: 'audit_log', key: ['id'], rows: 5, bytes: 10 },
    { schema: 'public', table: 'it.s "odd"', key: ['a', 'b'], rows: null, bytes: null },
    { schema: 'public', table: 'nokey', key: [], rows: 1, bytes: 1, problem: 'it has no primary key.' },
    { schema: 'other', table: 'orders', key: ['id'], rows: 7, bytes: 7 },
  ],
  sql: [],
}

function plugin(discover: SourcePlugin['discover']): SourcePlugin {
  const made = defineSource({
    type: 'fake',
    config: z.strictObject({ url: z.string(), slot: z.string().optional(), publication: z.string().optional() }),
    open: () => Promise.reject(new Error('never opened')),
    destroy: async () => [],
  }) as SourcePlugin
  return discover === undefined ? made : { ...made, discover }
}

function config(discover: SourcePlugin['discover'], options: object = {}): PipelineConfig {
  return {
    pipeline: 'shop',
    log: { path: '/data' },
    sources: [{ name: 'app', plugin: plugin(discover), options: { url: 'x://y', tables: ['public.*'], ...options } }],
    sinks: [{ name: 'search', type: 'sqlite', tables: undefined }],
  } as unknown as PipelineConfig
}

const signal = AbortSignal.timeout(20_000)

describe('the plan of a run', () => {
  it('tells no number of rows where only empty tables have one', async () => {
    const tables = [
      { schema: 'public', table: 'empty', key: ['id'], rows: 0, bytes: 0 },
      { schema: 'public', table: 'uncounted', key: ['id'], rows: null, bytes: 8192 },
    ]
    const file = config(async () => ({ tables, sql: [] }))
    const [plan] = await makePlan(file, [], signal)
    expect(plan?.rows).toBeNull()
    expect(planText(file, [plan!])).toContain('first load of 2 tables, 8.0 KB')
  })

  it('names slot and publication, and the captured tables with what they cost', async () => {
    const file = config(async () => FOUND, { exclude: ['public.audit_*'], slot: 'mine' })
    const [plan] = await makePlan(file, [], signal)
    expect(plan?.tables?.map(({ table }) => table)).toEqual(['orders', 'it.s "odd"', 'nokey'])
    expect(plan).toMatchObject({ rows: 1_000_001, bytes: 400 * 1024 ** 2 + 1, continues: undefined })
    expect(planText(file, [plan!])).toBe(
      [
        'pipeline shop, log in /data',
        'source app (fake, slot mine, publication tailrace_shop_app): first load of 3 tables, about 1,000,001 rows, 400 MB, roughly 11 s',
        '  public.orders  1,000,000 rows, 400 MB',
        '  public.it.s "odd"  ',
        '  public.nokey  1 rows, 1 bytes  it has no primary key.',
        'sink search (sqlite): every table',
      ].join('\n'),
    )
  })

  it('names of many tables the largest, and those with a problem', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({
      schema: 'public',
      table: `t${i}`,
      key: ['id'],
      rows: 1,
      bytes: i,
      ...(i === 3 ? { problem: 'it has no primary key.' } : {}),
    }))
    const file = config(async () => ({ tables: many, sql: [] }))
    const lines = planText(file, await makePlan(file, [], signal)).split('\n')
    expect(lines).toHaveLength(34)
    expect(lines.slice(2, 4)).toEqual([
      '  public.t3  1 rows, 3 bytes  it has no primary key.',
      '  public.t999  1 rows, 999 bytes',
    ])
    expect(lines.at(-2)).toBe('  and 970 more tables')
  })

  it('is made also when the database does not answer', async () => {
    const file = config(() => Promise.reject(new Error('connect ECONNREFUSED')))
    const plans = await makePlan(file, [], signal)
    expect(planText(file, plans)).toContain('first load; the database does not answer yet: connect ECONNREFUSED')
  })

  it('does without what a source cannot tell', async () => {
    const file = config(undefined)
    expect(planText(file, await makePlan(file, [], signal))).toContain('): first load\n')
  })
})

describe('the file that init writes', () => {
  it('is a valid configuration of all usable tables, however they are named', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-init-'))
    const file = join(folder, 'tailrace.yaml')
    await writeFile(file, initialConfig('shop', 'postgres', FOUND))
    const loaded = await loadConfig(file, { DATABASE_URL: 'postgres://me:secret@localhost/shop' })
    await rm(folder, { recursive: true })
    expect(loaded.pipeline).toBe('shop')
    expect(loaded.sources[0]?.options).toMatchObject({
      tables: ['public.orders', 'public.audit_log', 'public."it.s ""odd"""', 'other.orders'],
    })
    expect(loaded.sinks.map(({ name }) => name)).toEqual(['files'])
  })

  it('shows what cannot be captured and why, and holds no URL', () => {
    const text = initialConfig('shop', 'postgres', FOUND)
    expect(text).toMatch(/# - public\.nokey +# no key; about 1 rows; 1 bytes: it has no primary key\.\n/)
    expect(text).toContain('url: $' + '{DATABASE_URL}')
  })
})
