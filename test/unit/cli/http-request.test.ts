import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from '@jest/globals'
import { httpRequest } from '../../../runtime/cli/http-request.ts'

async function serving(listener: RequestListener, use: (url: URL) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/path?a=b`))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const GET = { method: 'GET', headers: { accept: 'text/plain' } }

describe('a request to a running process', () => {
  it('brings method, path and headers there, and status, headers and body back', async () => {
    await serving(
      ({ method, url, headers }, response) => {
        response.writeHead(404, { 'x-two': ['1', '2'] }).end(`${method} ${url} ${headers.accept}`)
      },
      async url => {
        const response = await httpRequest(url, GET)
        expect(response.status).toBe(404)
        expect(response.ok).toBe(false)
        expect(response.headers.get('x-two')).toBe('1, 2')
        expect(await response.text()).toBe('GET /path?a=b text/plain')
      },
    )
  })

  it('hands over what has come while more is to come, and ends with its signal', async () => {
    const ending = new AbortController()
    await serving(
      (_, response) => response.write('first'),
      async url => {
        const response = await httpRequest(url, { ...GET, signal: ending.signal })
        const reader = response.body!.getReader()
        expect(Buffer.from((await reader.read()).value!).toString()).toBe('first')
        const next = reader.read()
        ending.abort()
        await expect(next).rejects.toThrow()
      },
    )
  })

  it('rejects where nobody listens', async () => {
    let gone: URL | undefined
    await serving(
      () => {},
      async url => {
        gone = url
      },
    )
    await expect(httpRequest(gone!, GET)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
