import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { type HttpServer, listen } from '../../../runtime/http/server.ts'
import type { PipelineConfig } from '../../../runtime/pipeline-config.ts'
import { FakePipeline } from '../../support/fake-pipeline.ts'

const CONFIG = { sources: [{ name: 'app', plugin: { type: 'fake' }, options: {} }] } as unknown as PipelineConfig

let pipeline: FakePipeline
let server: HttpServer

beforeEach(async () => {
  pipeline = new FakePipeline()
  server = await listen({ host: '127.0.0.1', port: 0, token: undefined }, pino({ level: 'silent' }))
  server.serve(pipeline, CONFIG)
})
afterEach(() => server[Symbol.asyncDispose]())

async function post(path: string, body?: unknown): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, answer: await response.json() }
}

describe('POST /sources/{name}/backfill', () => {
  const PATH = '/sources/app/backfill'

  it('is accepted with the tables that will be read', async () => {
    const body = { tables: ['app.public.orders'], resnapshot: true, yes: true }
    expect(await post(PATH, body)).toEqual({ status: 202, answer: { accepted: true, tables: ['app.public.orders'] } })
    expect(await post(PATH)).toMatchObject({ status: 202 })
    expect(pipeline.asked).toEqual([
      'backfill app app.public.orders true true',
      'backfill app app.public.orders false false',
    ])
  })

  it.each([
    ['no JSON', '{'],
    ['a key that nobody reads', '{"table":"app.public.orders"}'],
    ['no tables', '{"tables":[]}'],
    ['more than a megabyte', `{"tables":["${'x'.repeat(1024 * 1024)}"]}`],
  ])('refuses a body with %s', async (_, body) => {
    expect(await post(PATH, body)).toMatchObject({ status: 400, answer: { error: { code: 'REQUEST_INVALID' } } })
  })

  it('knows its sources', async () => {
    expect(await post('/sources/ap/backfill')).toMatchObject({ status: 404 })
  })
})

describe('POST /sinks/{name}/backfill', () => {
  it('is accepted, of sinks that there are', async () => {
    expect(await post('/sinks/search/backfill', { verify: true })).toEqual({ status: 202, answer: { accepted: true } })
    expect(await post('/sinks/search/backfill', { rollback: true })).toMatchObject({ status: 202 })
    expect(await post('/sinks/seach/backfill')).toMatchObject({ status: 404 })
    expect(await post('/sinks/search/backfill', { tables: [] })).toMatchObject({ status: 400 })
    expect(pipeline.asked).toEqual(['rebuild search true false', 'rebuild search false true'])
  })
})

describe('POST /sinks/{name}/replay', () => {
  it('takes a cursor or a time, and answers where the sink reads on', async () => {
    const answer = { accepted: true, from: { app: 'start' } }
    expect(await post('/sinks/search/replay', { from: 'start' })).toEqual({ status: 202, answer })
    expect(await post('/sinks/search/replay', { since: '2026-01-31T12:00:00Z' })).toEqual({ status: 202, answer })
    expect(pipeline.asked).toEqual(['replay search start', 'replay search 1769860800000000'])
  })

  it.each([
    ['neither', {}],
    ['both', { from: 'start', since: '2026-01-31T12:00:00Z' }],
    ['a time that is none', { since: 'yesterday' }],
  ])('refuses %s', async (_, body) => {
    expect(await post('/sinks/search/replay', body)).toMatchObject({
      status: 400,
      answer: { error: { code: 'REQUEST_INVALID' } },
    })
  })
})

describe('POST /tables/{table}/forget', () => {
  it('answers the receipt', async () => {
    expect(await post('/tables/app.public.orders/forget', { keys: ['1', '2'] })).toMatchObject({
      status: 200,
      answer: { table: 'app.public.orders', keys: ['1', '2'], log: { removed: [1, 1] } },
    })
    expect(await post('/tables/app.public.orders/forget', { keys: [] })).toMatchObject({ status: 400 })
    expect(pipeline.asked).toEqual(['forget app.public.orders 1,2'])
  })
})
