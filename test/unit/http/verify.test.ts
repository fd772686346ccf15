import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type VerifyOptions, verify } from '../../../runtime/cli/verify.ts'
import { TailraceError } from '../../../runtime/errors.ts'
import { type HttpServer, listen } from '../../../runtime/http/server.ts'
import { createLogger } from '../../../runtime/logger.ts'
import type { PipelineConfig } from '../../../runtime/pipeline-config.ts'
import type { Difference, TableReport, VerifyReport } from '../../../runtime/verify-report.ts'
import { FakePipeline } from '../../support/fake-pipeline.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0, token: undefined }

const REPORT: TableReport = {
  table: 'app.public.orders',
  isCompared: true,
  compared: 1200,
  missing: 120,
  extra: 0,
  different: 1,
  fixed: 0,
  unsettled: 1,
  leftOut: null,
}

let pipeline: FakePipeline
let server: HttpServer

beforeEach(async () => {
  pipeline = new FakePipeline()
  server = await listen(LOOPBACK, createLogger('silent'))
  server.serve(pipeline, { sources: [], sinks: [] } as unknown as PipelineConfig)
})
afterEach(() => server[Symbol.asyncDispose]())

function post(query = '', signal?: AbortSignal): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(`${server.url}/sinks/search/verify${query}`, { method: 'POST', headers, signal: signal ?? null })
}

async function lines(response: Response): Promise<Record<string, unknown>[]> {
  return (await response.text())
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

function missing(key: number): Difference {
  return { table: REPORT.table, key: String(key), kind: 'missing', columns: [], fixed: false }
}

/** Tells of 120 missing rows, one that differs and one that never rests. */
function differing(fixed = false): void {
  pipeline.verifying = async ({ sink }, events): Promise<VerifyReport> => {
    for (let key = 1; key <= 120; key++) await events.difference({ ...missing(key), fixed })
    await events.difference({ ...missing(121), kind: 'different', columns: ['total', 'note'], fixed })
    await events.unsettled({ table: REPORT.table, key: '122' })
    const report = fixed ? { ...REPORT, fixed: 121 } : REPORT
    return {
      sink,
      equal: fixed,
      seconds: 2,
      tables: [
        report,
        {
          ...REPORT,
          table: 'app.public.log',
          isCompared: false,
          missing: 0,
          different: 0,
          unsettled: 0,
          leftOut: 'it has no key',
        },
      ],
    }
  }
}

describe('POST /sinks/{name}/verify', () => {
  it('answers a line for whatever there is to tell, and the report at the end', async () => {
    differing()
    const response = await post('?table=app.public.orders&table=app.public.l*&fix=true')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    const told = await lines(response)
    expect(told).toHaveLength(123)
    expect(told[0]).toEqual({ difference: missing(1) })
    expect(told.at(-1)).toMatchObject({ report: { sink: 'search', equal: false } })
    expect(pipeline.asked).toEqual(['verify app.public.orders,app.public.l* fix'])
  })

  it.each([
    ['/sinks/nobody/verify', 404, 'UNKNOWN_SINK'],
    ['/sinks/search/verify?fix=perhaps', 400, 'REQUEST_INVALID'],
  ])('refuses %s', async (path, status, code) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${server.url}${path}`, { method: 'POST', headers })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code } })
  })

  it.each([
    ['VERIFY_BUSY', 409],
    ['VERIFY_UNSUPPORTED', 501],
    ['PART_NOT_RUNNING', 503],
  ])('answers %s with %i', async (code, status) => {
    pipeline.verifying = async () => {
      throw new TailraceError(code, 'stop', 'No.')
    }
    expect((await post()).status).toBe(status)
  })

  it('says in the last line why it ended before its end', async () => {
    pipeline.verifying = async (_, events) => {
      await events.difference(missing(1))
      throw new TailraceError('PART_STOPPED', 'stop', 'The sink has stopped.', { hint: 'Look.' })
    }
    const error = { code: 'PART_STOPPED', message: 'The sink has stopped.', hint: 'Look.' }
    expect(await lines(await post())).toEqual([{ difference: missing(1) }, { error }])
  })

  it('ends when the client leaves', async () => {
    const ended = Promise.withResolvers<unknown>()
    pipeline.verifying = async (_, events, signal) => {
      await events.difference(missing(1))
      signal.addEventListener('abort', () => ended.resolve(signal.reason))
      return await new Promise(() => {})
    }
    const leaving = new AbortController()
    const response = await post('', leaving.signal)
    await response.body!.getReader().read()
    leaving.abort()
    expect(await ended.promise).toMatchObject({ message: 'the client has left' })
  })
})

describe('tailrace verify', () => {
  async function run(
    options: Partial<VerifyOptions> = {},
    json = false,
    signal = AbortSignal.timeout(10_000),
  ): Promise<{ code: number; out: string }> {
    const out = new PassThrough()
    const io = { out, err: new PassThrough(), in: new PassThrough() }
    const said = text(out)
    const context = { io, config: 'tailrace.yaml', json, url: server.url, signal }
    const code = await verify(context, { sink: 'search', ...options }).finally(() => out.end())
    return { code, out: await said }
  }

  it('names the first hundred keys that differ, counts the rest and exits with 4', async () => {
    differing()
    const { code, out } = await run()
    expect(code).toBe(4)
    expect(out.match(/^missing /gm)).toHaveLength(100)
    expect(out).toContain('and 22 more; --all names them')
    expect(out).toMatch(/^app\.public\.orders +1,200 +120 +0 +1 +1$/m)
    expect(out).toContain('app.public.log: left out, it has no key')
    expect(out).toContain('search differs in 121 keys. --fix writes them anew. 1 key changed too often')
  })

  it('names all of them with --all, with the columns that differ', async () => {
    differing()
    const { out } = await run({ all: true })
    expect(out).toMatch(/^missing {4}app\.public\.orders {2}120$/m)
    expect(out).toMatch(/^different {2}app\.public\.orders {2}121 {2}total, note$/m)
    expect(out).toMatch(/^unsettled {2}app\.public\.orders {2}122$/m)
  })

  it('exits with 0 when all is equal, or was mended', async () => {
    expect((await run()).code).toBe(0)
    differing(true)
    const { code, out } = await run({ fix: true })
    expect(code).toBe(0)
    expect(out).toContain('search equals its sources, 121 keys mended.')
  })

  it('prints all keys as lines of JSON with --json, the report as the last', async () => {
    differing()
    const { code, out } = await run({}, true)
    const told = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(code).toBe(4)
    expect(told).toHaveLength(123)
    expect(told[0]).toEqual(missing(1))
    expect(told[121]).toEqual({ table: REPORT.table, key: '122', kind: 'unsettled' })
    expect(told.at(-1)).toMatchObject({ sink: 'search', equal: false, tables: [REPORT, {}] })
  })

  it('ends with what the process could not do', async () => {
    pipeline.verifying = async (_, events) => {
      await events.difference(missing(1))
      throw new TailraceError('PART_STOPPED', 'stop', 'The sink has stopped.')
    }
    await expect(run()).rejects.toMatchObject({ code: 'PART_STOPPED' })
  })

  it('exits with 4 when it is interrupted: nothing was shown to be equal', async () => {
    const interrupted = new AbortController()
    pipeline.verifying = async (_, events) => {
      await events.difference(missing(1))
      interrupted.abort(new Error('asked to stop'))
      return await new Promise(() => {})
    }
    expect((await run({}, false, interrupted.signal)).code).toBe(4)
  })

  it('says so when the process goes away in the middle', async () => {
    pipeline.verifying = async (_, events) => {
      await events.difference(missing(1))
      void server[Symbol.asyncDispose]()
      return await new Promise(() => {})
    }
    await expect(run()).rejects.toMatchObject({ code: 'NOT_RUNNING' })
  })
})
