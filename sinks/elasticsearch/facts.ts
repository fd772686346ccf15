import type { Client } from './client.ts'

interface Root {
  readonly version?: { readonly number?: string; readonly distribution?: string }
}

/** `OpenSearch 3.6.0` or `Elasticsearch 8.19.2`; without a number where it does not say. */
export async function serverVersion(client: Client, signal: AbortSignal): Promise<string> {
  // A server without the page that tells answers that there is no such method, 405.
  const { body } = await client.ask('GET', '/', signal, { accept: [404, 405] })
  const { number, distribution } = (body as Root | undefined)?.version ?? {}
  const name = distribution === 'opensearch' ? 'OpenSearch' : 'Elasticsearch'
  return number === undefined ? 'A search engine' : `${name} ${number}`
}
