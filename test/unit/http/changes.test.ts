import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { type HttpServer, listen } from '../../../runtime/http/server.ts'
import type { PipelineConfig } from '../../../runtime/pipeline-config.ts'
import { FakePipeline } from '../../support/fake-pipeline.ts'

const CONFIG = { sources: [{ name: 'app', plugin: { type: 'fake' }, options: {} }] } as unknown as PipelineConfig

let pipeline: FakePipeline
let servers: HttpServer[]

beforeEach(() => {
  pipeline = new FakePipeline()
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
})

async function start(): Promise<HttpServer> {
  const server = await listen({ host: '127.0.0.1', port: 0, token: undefined }, pino({ level: 'silent' }))
  servers.push(server)
  server.serve(pipeline, CONFIG)
  return server
}

describe('changes', () => {
  async function events(response: Response, count: number): Promise<{ id: string; data: { key: unknown } }[]> {
    const found: { id: string; data: { key: unknown } }[] = []
    let text = ''
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      text += part
      const whole = text.split('\n\n')
      text = whole.pop()!
      for (const event of whole) {
        const match = /^id: (.*)\ndata: (.*)$/.exec(event)
        if (match !== null) found.push({ id: match[1]!, data: JSON.parse(match[2]!) })
      }
      if (found.length >= count) break
    }
    return found
  }

  it('streams what the log holds and then what is new, each with its cursor as id', async () => {
    await pipeline.append('1', '2')
    const { url } = await start()
    const response = await fetch(`${url}/changes?initial=true`)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    await pipeline.append('3')
    const found = await events(response, 3)
    expect(found.map(({ data }) => data.key)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    expect(found.map(({ id }) => id)).toEqual(found.map(({ data }) => (data as unknown as { cursor: string }).cursor))
  })

  it('begins at the end without a cursor, and behind Last-Event-ID with one', async () => {
    await pipeline.append('1', '2')
    const { url } = await start()
    const fresh = await fetch(`${url}/changes`)
    await pipeline.append('3')
    const [third] = await events(fresh, 1)
    expect(third?.data.key).toEqual({ id: 3 })
    const all = await events(await fetch(`${url}/changes?initial=true`), 1)
    const rest = await events(await fetch(`${url}/changes`, { headers: { 'last-event-id': all[0]!.id } }), 2)
    expect(rest.map(({ data }) => data.key)).toEqual([{ id: 2 }, { id: 3 }])
  })

  it('ends at the end for who does not follow, in lines of JSON for who asks for them', async () => {
    await pipeline.append('1', '2', '3')
    const { url } = await start()
    const response = await fetch(`${url}/changes?follow=false&key=2`, { headers: { accept: 'application/x-ndjson' } })
    const text = await response.text()
    expect(text.endsWith('\n')).toBe(true)
    expect(
      text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).key),
    ).toEqual([{ id: 2 }])
  })

  it.each([
    ['from=nonsense', 410, 'CURSOR_FOREIGN'],
    ['tables=orders&initial=true', 400, 'CONFIG_PATTERN'],
    ['since=yesterday', 400, 'REQUEST_INVALID'],
  ])('refuses %s with a status', async (query, status, code) => {
    await pipeline.append('1')
    const { url } = await start()
    const response = await fetch(`${url}/changes?${query}`)
    expect(response.status).toBe(status)
    expect(((await response.json()) as { error: { code: string } }).error.code).toBe(code)
  })

  it('are ended by a server that stops', async () => {
    await pipeline.append('1')
    const server = await start()
    const { url } = server
    const response = await fetch(`${url}/changes`)
    await server[Symbol.asyncDispose]()
    servers = []
    await expect(response.text()).rejects.toThrow()
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })
})

it('tables are listed with their keys and rows', async () => {
  await pipeline.append('1')
  const { url } = await start()
  expect(await (await fetch(`${url}/tables`)).json()).toEqual({
    tables: [
      {
        table: 'app.public.orders',
        key: ['id'],
        rows: 3,
        bytes: null,
        version: 1,
        columns: [{ name: 'id', type: 'bigint' }],
      },
    ],
  })
})
