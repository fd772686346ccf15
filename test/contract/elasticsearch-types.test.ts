/** What the types of docs/types.md become in a search engine, by its own searches. */
import { expect, it } from '@jest/globals'
import type { LogicalType } from '../../runtime/contract.ts'
import { type ExactJson, parseExact } from '../../runtime/record/text.ts'
import { mappingOf } from '../../sinks/elasticsearch/mapping.ts'
import { openSearch } from '../support/search/engines.ts'
import { SearchPlace } from '../support/search/search-place.ts'
import type { SearchServer } from '../support/search/search-server.ts'
import { describeSearch } from '../support/search/search-suite.ts'
import { type Entry, entriesOf } from '../support/types/entries.ts'
import { context, writeAccepted } from '../support/types/fill-sink.ts'
import { MYSQL_TYPES } from '../support/types/mysql-types.ts'
import { ALL, NEWEST, typedLog } from '../support/types/page.ts'
import type { TypeCase } from '../support/types/type-case.ts'

const INDEX = 'app-public-types'
/** Characters of the longest term. */
const LONGEST = 8191
const SEARCHES = 200

interface Search {
  readonly row: number
  readonly what: string
  readonly query: object
}

// The build of Elasticsearch that tests have lacks `unsigned_long`.
await describeSearch(await openSearch(), server => {
  it.each([
    ['PostgreSQL', ALL],
    ['MySQL and MariaDB', MYSQL_TYPES],
  ])(
    'every value of %s is found by an exact term, and by a range where its type has an order',
    async (_, cases) => {
      const place = await SearchPlace.make(server())
      const { id, batches } = typedLog(cases)
      {
        await using target = await place.open(context)
        const sink = await target.sink({ name: 'app', logId: id }, new AbortController().signal)
        for (const batch of batches) await writeAccepted(sink, batch)
      }
      await server().ask('POST', `/${INDEX}/_refresh`)
      const entries = entriesOf(cases, NEWEST)
      const sources = await sourcesOf(server(), entries.length)
      const searches = entries.flatMap((entry, row) => searchesFor(entry, row, sources[row]!))
      expect(new Set(searches.map(({ row }) => entries[row]!.of)).size).toBe(new Set(entries.map(({ of }) => of)).size)
      expect(await missed(server(), searches)).toEqual([])
    },
    240_000,
  )
})

/** The values as they were sent, by row. */
async function sourcesOf(server: SearchServer, count: number): Promise<Record<string, ExactJson>[]> {
  const ids = Array.from({ length: count }, (_, row) => String(row))
  const response = await fetch(`${server.url}/${INDEX}/_mget`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ids }),
  })
  const { docs } = parseExact(await response.text()) as unknown as {
    readonly docs: readonly { readonly _source: Record<string, ExactJson> }[]
  }
  return docs.map(({ _source }) => _source)
}

/** Searches that must find the row, for each single value of it. */
function searchesFor({ of, column, value }: Entry, row: number, source: Record<string, ExactJson>): Search[] {
  const field = `c${column}`
  const what = `${of.type} ${value.text.slice(0, 60)}`
  return scalars(source[field]!).flatMap(text => {
    if (text.length > LONGEST) return []
    const searches = [{ row, what, query: { term: { [exactField(of, field)]: { value: text } } } }]
    const range = rangeOf(elementOf(of.logical), text)
    if (range !== undefined)
      searches.push({ row, what: `${what} in ${JSON.stringify(range)}`, query: { range: { [field]: range } } as never })
    return searches
  })
}

function scalars(value: ExactJson): string[] {
  if (value === null) return []
  if (Array.isArray(value)) return value.flatMap(scalars)
  return [typeof value === 'object' ? (value as { rawJSON: string }).rawJSON : String(value)]
}

function elementOf(type: LogicalType): LogicalType {
  return type.kind === 'array' ? elementOf(type.element) : type
}

function exactField({ logical }: TypeCase, field: string): string {
  const { fields } = mappingOf({ name: field, type: logical, declared: '', nullable: true }) as { fields?: object }
  const [name] = Object.keys(fields ?? {}).filter(name => name === 'exact' || name === 'keyword')
  return name === undefined ? field : `${field}.${name}`
}

/** Undefined: what the type's index does not hold, such as an infinity, has no place in its order. */
function rangeOf({ kind }: LogicalType, text: string): object | undefined {
  // The engines' ranges do not tell it from 0, whose place is another one in the index.
  if (text === '-0' || !/^[+-]?\d/.test(text)) return undefined
  switch (kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
      return { gte: text, lte: text }
    case 'float32':
      return Number.isFinite(Math.fround(Number(text))) ? { gte: text, lte: text } : undefined
    case 'float64':
    case 'decimal':
      return Number.isFinite(Number(text)) ? { gte: text, lte: text } : undefined
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return /^\d{4}-(?!00)\d\d-(?!00)/.test(text) && !text.startsWith('0000') ? { gte: text, lte: text } : undefined
    default:
      return undefined
  }
}

async function missed(server: SearchServer, searches: readonly Search[]): Promise<string[]> {
  const failed: string[] = []
  for (let from = 0; from < searches.length; from += SEARCHES) {
    const group = searches.slice(from, from + SEARCHES)
    const lines = group.flatMap(({ row, query }) => [
      {},
      { size: 1, _source: false, query: { bool: { filter: [query, { ids: { values: [String(row)] } }] } } },
    ])
    const response = await fetch(`${server.url}/${INDEX}/_msearch`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.map(line => `${JSON.stringify(line)}\n`).join(''),
    })
    const { responses } = (await response.json()) as {
      readonly responses: readonly {
        readonly hits?: { readonly hits: readonly unknown[] }
        readonly error?: { readonly reason: string }
      }[]
    }
    for (const [i, { hits, error }] of responses.entries())
      if (hits?.hits.length !== 1) failed.push(`${group[i]!.what}: ${error?.reason ?? 'not found'}`)
  }
  return failed
}
