import { type IncomingMessage, request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import { Readable } from 'node:stream'

export interface HttpRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

/**
 * One request to a running process, answered once its headers are there. Unlike `fetch`, which gives up where nothing
 * comes for five minutes, it waits as long as it takes: for `wait`, and for changes of a quiet database.
 */
export async function httpRequest(url: URL, { method, headers, body: sent, signal }: HttpRequest): Promise<Response> {
  const send = url.protocol === 'https:' ? overHttps : overHttp
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    send(url, { method, headers, ...(signal && { signal }) }, resolve)
      .once('error', reject)
      .end(sent)
  })
  const { statusCode: status = 0, headersDistinct } = message
  const body = Readable.toWeb(message) as ReadableStream<Uint8Array>
  return new Response(body, {
    status,
    headers: Object.entries(headersDistinct).map(([name, values]) => [name, values!.join(', ')]),
  })
}
