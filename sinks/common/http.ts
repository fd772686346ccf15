import http from 'node:http'
import https from 'node:https'
import { pipeline, type Readable } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { createGunzip } from 'node:zlib'

export interface HttpPlace {
  readonly host: string
  readonly port: number
  /** Undefined: plain HTTP. */
  readonly tls: ConnectionOptions | undefined
}

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers: http.OutgoingHttpHeaders
  readonly body: Uint8Array | undefined
  /** Without a byte from the server for so long, it does not answer. */
  readonly silenceMs: number
  /** An answer with more bytes is cut off. */
  readonly limit: number
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly bytes: Buffer
}

/** A few connections to one server that are kept. Redirects are not followed: they may lead anywhere. */
export class HttpConnections implements Disposable {
  readonly #place: HttpPlace
  readonly #agent: http.Agent | https.Agent

  constructor(place: HttpPlace, connections: number) {
    this.#place = place
    const options = { keepAlive: true, maxSockets: connections }
    this.#agent = place.tls === undefined ? new http.Agent(options) : new https.Agent({ ...options, ...place.tls })
  }

  /** Undefined if the answer has more bytes than its limit. Rejects with Node's error where there is none. */
  request(wanted: HttpRequest, signal: AbortSignal): Promise<HttpAnswer | undefined> {
    const { host, port, tls } = this.#place
    const { method, path, headers, body, silenceMs: timeout, limit } = wanted
    return new Promise((resolve, reject) => {
      const { request } = tls === undefined ? http : https
      const asking = request({ agent: this.#agent, host, port, method, path, headers, signal, timeout }, response => {
        collect(response, limit).then(resolve, reject)
      })
      asking.on('timeout', () => asking.destroy(new Error(`no answer for ${timeout / 1000} s`)))
      asking.on('error', reject)
      asking.end(body)
    })
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

async function collect(response: http.IncomingMessage, limit: number): Promise<HttpAnswer | undefined> {
  const { headers, statusCode: status = 0 } = response
  const body = headers['content-encoding'] === 'gzip' ? unpacked(response) : response
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    size += (part as Buffer).length
    // Leaving the loop ends the answer, and its connection.
    if (size > limit) return undefined
    parts.push(part as Buffer)
  }
  return { status, headers, bytes: Buffer.concat(parts) }
}

function unpacked(response: http.IncomingMessage): Readable {
  // An error of either reaches whoever reads.
  return pipeline(response, createGunzip(), () => {})
}
