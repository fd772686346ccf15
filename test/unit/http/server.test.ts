import { type ClientRequest, request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import openapi from '../../../runtime/http/openapi.json' with { type: 'json' }
import { ROUTES } from '../../../runtime/http/routes.ts'
import { type HttpServer, listen } from '../../../runtime/http/server.ts'
import type { HttpConfig, PipelineConfig } from '../../../runtime/pipeline-config.ts'
import { FakePipeline, SINK_STATUS, SOURCE_STATUS } from '../../support/fake-pipeline.ts'

const LOOPBACK: HttpConfig = { host: '127.0.0.1', port: 0, token: undefined }
const JSON_BODY = { method: 'POST', headers: { 'content-type': 'application/json' } }
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

async function start(config = LOOPBACK, serve = true): Promise<HttpServer> {
  const server = await listen(config, pino({ level: 'silent' }))
  servers.push(server)
  if (serve) server.serve(pipeline, CONFIG)
  return server
}

/** With headers that fetch does not let through. */
function raw(url: string, headers: Record<string, string>, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = httpRequest(url, { headers, method, agent: false }, async response => {
      let body = ''
      for await (const part of response) body += part
      resolve({ status: response.statusCode ?? 0, body })
    })
    sent.on('error', reject)
    sent.end()
  })
}

interface Answer {
  readonly error: { readonly code: string }
  readonly sources: { readonly app: object }
  readonly sinks: { readonly search: object }
}

async function json(response: Response): Promise<Answer> {
  return (await response.json()) as Answer
}

describe('openapi.json', () => {
  it('describes every route and no other', () => {
    const described = Object.entries(openapi.paths).flatMap(([path, item]) =>
      Object.keys(item).map(method => `${method.toUpperCase()} ${path}`),
    )
    expect(described.toSorted()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).toSorted())
  })

  it('describes the status as it is', async () => {
    const { url } = await start()
    const body = await json(await fetch(`${url}/status`))
    const { Status, Source, Sink } = openapi.components.schemas
    expect(Object.keys(body)).toEqual(Status.required)
    expect(Object.keys(body.sources.app)).toEqual(Source.required)
    expect(Object.keys(body.sinks.search)).toEqual(Sink.required)
  })

  it('is served', async () => {
    const { url } = await start()
    expect(await (await fetch(`${url}/openapi.json`)).json()).toEqual(openapi)
  })
})

describe('probes and metrics', () => {
  it('is healthy from the moment it listens, and ready only when the pipeline is served', async () => {
    const server = await start(LOOPBACK, false)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503)
    server.serve(pipeline, CONFIG)
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  })

  it.each([
    ['a failed source', { sources: { app: { ...SOURCE_STATUS, state: 'failed' } } }, 'source app is failed'],
    ['a first load', { sources: { app: { ...SOURCE_STATUS, phase: 'loading' } } }, 'source app is loading'],
    ['a sink being built', { sinks: { search: { ...SINK_STATUS, phase: 'building' } } }, 'sink search is building'],
  ])('is not ready with %s, and says so', async (_, change, reason) => {
    pipeline.current = { ...pipeline.current, ...change } as typeof pipeline.current
    const { url } = await start()
    const response = await fetch(`${url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({ ready: false, reasons: [reason] })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  it('gives metrics, and none for numbers that are not known', async () => {
    const { url } = await start()
    const text = await (await fetch(`${url}/metrics`)).text()
    expect(text).toMatch(/^tailrace_source_lag_seconds\{source="app"\} 0.2$/m)
    expect(text).toMatch(/^tailrace_sink_applied\{sink="search"\} 3$/m)
    expect(text).toMatch(/^tailrace_sink_state\{sink="search",state="running"\} 1$/m)
    expect(text).not.toMatch(/^tailrace_source_retained_bytes\{/m)
  })
})

describe('wait', () => {
  it('answers when the sinks have it all', async () => {
    const { url } = await start()
    const response = await fetch(`${url}/wait?sink=search&timeout=5`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ applied: true })
    expect(pipeline.asked).toEqual(['wait search'])
  })

  it('answers 504 with WAIT_TIMEOUT when they do not in time', async () => {
    pipeline.waiting = signal =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const { url } = await start()
    const response = await fetch(`${url}/wait?timeout=0.05`)
    expect(response.status).toBe(504)
    expect((await json(response)).error.code).toBe('WAIT_TIMEOUT')
  })

  it.each([
    ['?sink=nobody', 404, 'UNKNOWN_SINK'],
    ['?timeout=soon', 400, 'REQUEST_INVALID'],
    ['?timeout=0', 400, 'REQUEST_INVALID'],
  ])('refuses %s', async (query, status, code) => {
    const { url } = await start()
    const response = await fetch(`${url}/wait${query}`)
    expect(response.status).toBe(status)
    expect((await json(response)).error.code).toBe(code)
  })

  it('keeps one connection for many calls', async () => {
    const server = await start()
    const ports = new Set<number>()
    const { Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 20; i++)
      await new Promise<void>((resolve, reject) => {
        httpRequest(`${server.url}/wait`, { agent }, response => {
          ports.add(response.socket.localPort ?? 0)
          response.resume()
          response.once('end', resolve)
        })
          .on('error', reject)
          .end()
      })
    agent.destroy()
    expect(ports.size).toBe(1)
  })
})

describe('verbs', () => {
  it.each([
    ['/sources/app/pause', 'pause app'],
    ['/sources/app/resume', 'resume app'],
    ['/sinks/search/pause', 'pause search'],
    ['/sinks/search/resume', 'resume search'],
  ])('POST %s is accepted', async (path, asked) => {
    const { url } = await start()
    expect((await fetch(`${url}${path}`, JSON_BODY)).status).toBe(202)
    expect(pipeline.asked).toEqual([asked])
  })

  it.each([
    ['POST', '/sources/nobody/pause', { 'content-type': 'application/json' }, 404, 'UNKNOWN_SOURCE'],
    ['POST', '/sinks/search/pause', {}, 415, 'CONTENT_TYPE'],
    ['POST', '/sinks/search/pause', { 'content-type': 'text/plain' }, 415, 'CONTENT_TYPE'],
    ['GET', '/sinks/search/pause', {}, 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/nothing', {}, 404, 'NOT_FOUND'],
    ['GET', '//evil.example/status', {}, 404, 'NOT_FOUND'],
  ])('%s %s is refused', async (method, path, headers: Record<string, string>, status, code) => {
    const { url } = await start()
    const response = await raw(`${url}${path}`, headers, method)
    expect(response.status).toBe(status)
    expect(JSON.parse(response.body).error.code).toBe(code)
    expect(pipeline.asked).toEqual([])
  })
})

describe('who may ask', () => {
  it('not a web page that points its own name here', async () => {
    const { url } = await start()
    expect((await raw(`${url}/status`, { host: 'evil.example' })).status).toBe(403)
    expect((await raw(`${url}/status`, { host: `127.0.0.1.evil.example:${new URL(url).port}` })).status).toBe(403)
    expect((await raw(`${url}/status`, { host: `localhost:${new URL(url).port}` })).status).toBe(200)
  })

  it('not a web page of another origin', async () => {
    const { url } = await start()
    expect((await raw(`${url}/status`, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await raw(`${url}/status`, { origin: 'null' })).status).toBe(403)
    expect((await raw(`${url}/status`, { origin: url })).status).toBe(200)
  })

  it('with a token only who has it, save for probes', async () => {
    const { url } = await start({ ...LOOPBACK, token: 'a long secret' })
    expect((await fetch(`${url}/status`)).status).toBe(401)
    expect((await fetch(`${url}/status`, { headers: { authorization: 'Bearer a long secre' } })).status).toBe(401)
    expect((await fetch(`${url}/sinks/search/pause`, JSON_BODY)).status).toBe(401)
    expect((await fetch(`${url}/status`, { headers: { authorization: 'Bearer a long secret' } })).status).toBe(200)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })

  it('an address that is taken is an error with a way out', async () => {
    const { url } = await start()
    await expect(
      listen({ ...LOOPBACK, port: Number(new URL(url).port) }, pino({ level: 'silent' })),
    ).rejects.toMatchObject({
      code: 'LISTEN_TAKEN',
      hint: expect.stringContaining('http.listen'),
    })
  })
})
