import type { z } from 'zod'
import type { SinkContext, Table, Target } from '../../../runtime/contract.ts'
import elasticsearch from '../../../sinks/elasticsearch.ts'
import type { ItemsClient, SinkPlace } from '../sink-rig.ts'
import type { SearchServer } from './search-server.ts'

export type SearchOptions = Partial<z.input<typeof elasticsearch.config>>

interface Hits {
  readonly hits: { readonly hits: readonly { readonly _id: string; readonly _source: { readonly name: string } }[] }
}

/**
 * For columns of the suite that are unsigned: the build of Elasticsearch that tests have lacks `unsigned_long`, and users of
 * such a build have to say so.
 */
const UNSIGNED = {
  'app.public.types': { unsigned: { type: 'keyword' } },
  'app.public.near': { c8: { type: 'keyword' } },
  'app.public.key_7': { key: { type: 'keyword' } },
}

/** Of the rows that a client looks at. */
const CLIENT_ROWS = 1000

/** A cluster, emptied first. */
export class SearchPlace implements SinkPlace {
  readonly options: SearchOptions
  readonly #server: SearchServer

  private constructor(server: SearchServer, options: SearchOptions) {
    this.#server = server
    this.options = {
      url: server.url,
      name: '{source}-{schema}-{table}',
      settings: { number_of_replicas: 0 },
      ...(server.engine.name === 'elasticsearch' && { mappings: UNSIGNED }),
      ...options,
    }
  }

  static async make(server: SearchServer, options: SearchOptions = {}): Promise<SearchPlace> {
    const place = new SearchPlace(server, options)
    await place.empty()
    return place
  }

  get child(): SinkPlace['child'] {
    return { type: 'elasticsearch', options: this.options, crashPoint: 'elasticsearch.written' }
  }

  /** Readers of rows by the alias `app-public-items`. */
  get generations(): NonNullable<SinkPlace['generations']> {
    return { crashPoints: [1, 2, 3].map(pass => `elasticsearch.step:${pass}`), client: async () => this.#client() }
  }

  get files(): NonNullable<SinkPlace['files']> {
    const server = this.#server
    return {
      folder: server.dataFolder,
      crashPoints: ['elasticsearch.purged', 'elasticsearch.purged:2'],
      // A shard's files go once nothing of the engine holds the shard any more, a refresh under way for one.
      settlesWithin: 10,
      async unpacked() {
        await server.ask('POST', '/_refresh')
        const all = '/*~*/_search?expand_wildcards=all'
        return JSON.stringify(await server.ask('POST', all, { size: CLIENT_ROWS }))
      },
    }
  }

  shown(table: Table): ReturnType<SinkPlace['shown']> {
    return elasticsearch.shown!(elasticsearch.config.parse(this.options), table)
  }

  open(context: SinkContext): Promise<Target> {
    return elasticsearch.open(elasticsearch.config.parse(this.options), context)
  }

  async empty(): Promise<void> {
    await this.#server.ask('DELETE', '/*?expand_wildcards=all&ignore_unavailable=true')
  }

  /** By a snapshot of the cluster. */
  async backup(): Promise<() => Promise<void>> {
    const name = await this.#server.snapshot()
    return async () => {
      await this.empty()
      await this.#server.restore(name)
    }
  }

  #client(): ItemsClient {
    const server = this.#server
    return {
      async read() {
        const search = { size: CLIENT_ROWS }
        const { hits } = (await server.ask('POST', '/app-public-items/_search', search)) as Hits
        return new Map(hits.hits.map(({ _id, _source }) => [_id, _source.name]))
      },
      async [Symbol.asyncDispose]() {},
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.empty()
  }
}
