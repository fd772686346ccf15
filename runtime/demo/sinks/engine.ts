import { isTailraceError, TailraceError } from '../../errors.ts'
import { type Cell, Rows, type TableShape } from '../rows.ts'
import { type JsonRow, jsonCell, parseDigits } from './json-cells.ts'
import type { DemoSink } from './sink.ts'
import { ADDED, addedJson, CHANGED, REMOVED, TABLE, tamperedJson } from './tampering.ts'

/** Where a search engine listens by default, and one may run already. */
export const ENGINE_URL = 'http://127.0.0.1:9200'

const LOOK_MS = 2000
const PAGE = 1000

interface Hit {
  readonly _id: string
  readonly _source: JsonRow
}

interface Page {
  readonly _scroll_id: string
  readonly hits: { readonly hits: readonly Hit[] }
}

export interface EngineHit {
  readonly sku: string
  readonly title: string
  readonly score: number
}

/** The shop's rows in an Elasticsearch or OpenSearch that runs here anyway, a document each. */
export class EngineSink implements DemoSink {
  readonly name = 'engine'
  readonly about: readonly string[]
  readonly options: DemoSink['options']
  readonly examples: DemoSink['examples']
  readonly #url: string
  readonly #prefix: string
  readonly #signal: AbortSignal

  private constructor(url: string, version: string, prefix: string, signal: AbortSignal) {
    this.#url = url
    this.#prefix = prefix
    this.#signal = signal
    this.about = [`${version} at ${new URL(url).host}, as ${prefix}-*, removed at the end`]
    this.options = { type: 'elasticsearch', url, settings: { number_of_replicas: 0 } }
    const search = `${this.aliasOf('products')}/_search?q=copper+kettle&_source=sku,title&pretty`
    this.examples = [
      { what: 'search in the engine', live: `curl '${url}/${search}'`, later: `curl 'ENGINE_URL/${search}'` },
    ]
  }

  /** Undefined with the reason where none answers that will do. `prefix`: the name of the pipeline. */
  static async find(url: string, prefix: string, signal: AbortSignal): Promise<EngineSink | string> {
    const host = new URL(url).host
    try {
      const wait = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)])
      const response = await fetch(url, { signal: wait, redirect: 'error' })
      const { version } = (await response.json()) as { version?: { number?: string; distribution?: string } }
      if (response.status === 401) return `what runs at ${host} asks for a login`
      if (version?.number === undefined) return `what listens at ${host} is no search engine`
      const name = version.distribution === 'opensearch' ? 'OpenSearch' : 'Elasticsearch'
      return new EngineSink(url, `${name} ${version.number}`, prefix, signal)
    } catch {
      signal.throwIfAborted()
      return `no Elasticsearch or OpenSearch answers at ${host}`
    }
  }

  /** All there that is the demo's. */
  get keys(): string {
    return `indexes ${this.#prefix}-* at ${new URL(this.#url).host}`
  }

  aliasOf(table: string): string {
    return `${this.#prefix}-public-${table}`
  }

  /** Best match first. */
  async search(words: string): Promise<readonly EngineHit[]> {
    const alias = this.aliasOf('products')
    await this.#ask('POST', `/${alias}/_refresh`)
    const query = { multi_match: { query: words, fields: ['title^5', 'description'], operator: 'and' } }
    const found = JSON.parse(await this.#ask('POST', `/${alias}/_search`, JSON.stringify({ size: 5, query }))) as {
      hits: { hits: readonly { _score: number; _source: { sku: string; title: string } }[] }
    }
    return found.hits.hits.map(({ _score: score, _source: { sku, title } }) => ({ sku, title, score }))
  }

  async read(shape: TableShape): Promise<Rows> {
    const alias = this.aliasOf(shape.table)
    const rows = new Rows(shape)
    await this.#ask('POST', `/${alias}/_refresh`)
    const first = JSON.stringify({ size: PAGE, sort: ['_doc'] })
    let page = parseDigits(await this.#ask('POST', `/${alias}/_search?scroll=1m`, first)) as Page
    while (page.hits.hits.length > 0) {
      for (const { _id, _source } of page.hits.hits) rows.add(rowOf(shape, _source), _id.split('|'))
      const next = JSON.stringify({ scroll: '1m', scroll_id: page._scroll_id })
      page = parseDigits(await this.#ask('POST', '/_search/scroll', next)) as Page
    }
    return rows
  }

  async tamper(): Promise<void> {
    const place = (id: number): string => `/${this.aliasOf(TABLE)}/_doc/${id}`
    const documentOf = async (id: number): Promise<string> =>
      JSON.stringify((JSON.parse(await this.#ask('GET', place(id))) as { _source: unknown })._source)
    const [changed, removed] = [await documentOf(CHANGED), await documentOf(REMOVED)]
    await this.#ask('PUT', place(ADDED), addedJson(removed))
    await this.#ask('DELETE', place(REMOVED))
    await this.#ask('PUT', place(CHANGED), tamperedJson(changed))
  }

  async #ask(method: string, path: string, body?: string): Promise<string> {
    try {
      const headers = { 'content-type': 'application/json' }
      const sent = body === undefined ? {} : { body, headers }
      const response = await fetch(this.#url + path, { method, signal: this.#signal, ...sent })
      const text = await response.text()
      if (!response.ok) throw failed(`${response.status} to ${method} ${path}`)
      return text
    } catch (cause) {
      this.#signal.throwIfAborted()
      throw isTailraceError(cause) ? cause : failed('nothing', cause)
    }
  }
}

function failed(answer: string, cause?: unknown): TailraceError {
  return new TailraceError('DEMO_ENGINE_FAILED', 'stop', `The search engine of the demo answers ${answer}.`, {
    hint: '--no-engine leaves it out.',
    ...(cause === undefined ? {} : { cause }),
  })
}

function rowOf(shape: TableShape, row: JsonRow): Cell[] {
  return shape.columns.map(({ name, type }) => jsonCell(type, row[name]))
}
