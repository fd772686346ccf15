import { describe, expect, it } from '@jest/globals'
import { type GenerateConfig, generateConfig } from '../../connectors/generate/config.ts'
import { GenerateSource } from '../../connectors/generate/source.ts'
import { expectedState } from '../../connectors/generate/state.ts'
import type { Batch, LoadRequest, Position, Resume, Table, TransactionId } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { keyFromTexts, keyText } from '../../runtime/record/key.ts'

const signal = new AbortController().signal
const never = { stream: '0' as Position, loads: new Map(), tables: [], identity: {}, lineageFrom: 0n }

function config(options: Record<string, unknown> = {}): GenerateConfig {
  return generateConfig.parse({ rate: 'max', rows: 100, ...options })
}

function source(of: GenerateConfig): GenerateSource {
  return new GenerateSource(of, { pipeline: 'test', name: 'app', logger: createLogger('silent'), folder: '' })
}

/** Keeps the rows that the batches leave, by table and key. */
class State {
  readonly tables = new Map<string, Map<string, (string | null)[]>>()
  readonly kinds = { c: 0, r: 0, u: 0, d: 0, t: 0, m: 0, s: 0 }
  moved = 0
  /** Deletes of rows that are not there, inserts of rows that are, updates of rows that are not. */
  strange = 0

  apply(batch: Batch): void {
    for (const view of batch) {
      this.kinds[view.kind]++
      const rows = this.tables.get(view.table.name) ?? new Map<string, (string | null)[]>()
      this.tables.set(view.table.name, rows)
      if (view.moved !== undefined) this.moved++
      const key = keyText(view.key)
      if (view.kind === 't') rows.clear()
      else if (view.kind === 'd') this.strange += rows.delete(key) ? 0 : 1
      else if (view.kind !== 's') {
        if (rows.has(key) !== (view.kind === 'u' && view.moved === undefined)) this.strange++
        rows.set(
          key,
          view.table.columns.map((_, i) => view.text(i)),
        )
      }
    }
  }
}

async function loadAll(from: GenerateSource, state: State, resume?: Resume): Promise<void> {
  for (const request of await from.start(resume))
    for await (const chunk of from.load(request, signal)) state.apply(chunk.rows)
}

/** Streams to the end of the workload and answers the last position. */
async function streamAll(from: GenerateSource, state: State): Promise<Position> {
  const { position: head } = await from.head()
  for await (const batch of from.changes(signal)) {
    state.apply(batch)
    if (batch.end?.lane === 'stream' && from.covers(batch.end.position, head)) return batch.end.position
  }
  throw new Error('the stream ended')
}

describe('the generated source', () => {
  it.each([
    ['one table', { changes: 20_000 }],
    ['several tables', { tables: 7, changes: 20_000 }],
    ['nothing to load', { rows: 0, changes: 20_000 }],
    ['primary-key changes and truncates', { tables: 2, keyChanges: true, truncates: true, changes: 30_000 }],
    ['batches within transactions', { keyChanges: true, truncates: true, changes: 12_345, batchBytes: '1KB' }],
  ])('leaves the state that it foretells: %s', async (_, options) => {
    const of = config(options)
    await using from = source(of)
    const state = new State()
    await loadAll(from, state)
    const position = await streamAll(from, state)
    expect(state.strange).toBe(0)
    for (const [name, { rows }] of expectedState(of, 'app', position)) {
      expect(rows.size).toBeGreaterThan(0)
      expect(state.tables.get(name)).toEqual(rows)
    }
  })

  it('makes the changes it is told to: the number, and six inserts to three updates to one delete', async () => {
    await using from = source(config({ changes: 50_000 }))
    const state = new State()
    await loadAll(from, state)
    await streamAll(from, state)
    expect(state.kinds).toEqual({ r: 100, s: 1, c: 30_000, u: 15_000, d: 5000, t: 0, m: 0 })
  })

  it('moves keys and truncates where it is told to', async () => {
    await using from = source(config({ changes: 20_000, keyChanges: true, truncates: true }))
    const state = new State()
    await loadAll(from, state)
    await streamAll(from, state)
    expect(state.kinds.t).toBe(3)
    expect(state.moved).toBeGreaterThan(2 * 300)
  })

  it('commits transactions of 10 to 100 changes', async () => {
    await using from = source(config({ changes: 50_050 }))
    await from.start(never)
    const sizes = new Map<TransactionId, number>()
    for await (const batch of from.changes(signal)) {
      for (const { transaction } of batch) sizes.set(transaction!, (sizes.get(transaction!) ?? 0) + 1)
      if (sizes.size === 910) break
    }
    expect(Math.min(...sizes.values())).toBe(10)
    expect(Math.max(...sizes.values())).toBe(100)
  })

  it('goes on at any transaction byte for byte', async () => {
    const of = config({ tables: 2, changes: 8000, keyChanges: true, truncates: true })
    const rows = async (stream: string): Promise<string[]> => {
      await using from = source(of)
      await from.start({ ...never, stream: stream as Position })
      const { position: head } = await from.head()
      const lines: string[] = []
      if (from.covers(stream as Position, head)) return lines
      for await (const batch of from.changes(signal)) {
        for (const { transaction, kind, table, key, commitTime, index, text } of plain(batch))
          lines.push(`${transaction} ${index} ${commitTime} ${kind} ${table} ${key} ${text}`)
        if (batch.end?.lane === 'stream' && from.covers(batch.end.position, head)) break
      }
      return lines
    }
    const all = await rows('0')
    for (const stream of ['1', '50', '91', '92', '100', '145'])
      expect(await rows(stream)).toEqual(all.filter(line => Number(line.split(' ')[0]) > Number(stream)))
  })

  it('goes on with a load that was interrupted, and announces no table twice', async () => {
    const of = config({ rows: 1000, batchBytes: '16KB' })
    await using first = source(of)
    const state = new State()
    const [request] = await first.start(undefined)
    const chunks = first.load(request!, signal)
    const { value: chunk } = await chunks.next()
    state.apply(chunk!.rows)
    expect(chunk!.progress).toMatchObject({ done: false, totalRows: 1000 })
    await using second = source(of)
    const loads = new Map([[request!.table.name, chunk!.progress]])
    await loadAll(second, state, {
      loads,
      tables: [request!.table],
      identity: chunk!.rows.end!.identity!,
      lineageFrom: 0n,
    })
    expect(state.kinds).toMatchObject({ r: 1000, s: 1 })
    expect(state.tables.get('app.public.orders')).toEqual(expectedState(of, 'app', '0').get('app.public.orders')!.rows)
  })

  it('reads a table again beside the stream: all, a range, given keys, as of its fence', async () => {
    const of = config({ changes: 9000, rows: 500 })
    await using from = source(of)
    const ignored = new State()
    await loadAll(from, ignored)
    const position = await streamAll(from, ignored)
    const { table, rows } = expectedState(of, 'app', position).get('app.public.orders')!
    const ids = [...rows.keys()].map(Number).sort((a, b) => a - b)
    const key = (id: number): Uint8Array => keyFromTexts([String(id)])
    const read = async (scope: LoadRequest['scope']): Promise<Map<string, unknown>> => {
      const state = new State()
      for await (const { rows: batch, fence, from: low, to } of from.load(request(table, scope), signal)) {
        expect(fence.high).toBe(position)
        expect(from.sees(fence, position as string as TransactionId)).toBe(true)
        expect(from.sees(fence, String(Number(position) + 1) as TransactionId)).toBe(false)
        const keys = Array.from(batch, view => Buffer.from(view.key)).filter(({ length }) => length > 0)
        expect([low, to]).toEqual([keys[0], keys.at(-1)])
        state.apply(batch)
      }
      return state.tables.get(table.name) ?? new Map()
    }
    expect(await read({ kind: 'all' })).toEqual(rows)
    const [low, high] = [ids[100]!, ids[300]!]
    const range = await read({ kind: 'range', from: key(low), to: key(high) })
    expect([...range.keys()].map(Number).sort((a, b) => a - b)).toEqual(ids.slice(100, 300))
    expect([...(await read({ kind: 'keys', keys: [key(low), key(1), key(high)] })).keys()]).toEqual([
      `${low}`,
      `${high}`,
    ])
  })

  it('sees no streamed transaction in its first load', async () => {
    await using from = source(config())
    const [request] = await from.start(undefined)
    for await (const { fence } of from.load(request!, signal))
      expect(from.sees(fence, '1' as TransactionId)).toBe(false)
  })

  it('refuses the log of another workload, and one that is further', async () => {
    const identity = { workload: '2 1 100 false false' }
    await expect(source(config()).start({ ...never, identity })).rejects.toMatchObject({ code: 'SOURCE_REPLACED' })
    const far = { ...never, stream: '99999' as Position }
    await expect(source(config({ changes: 1000 })).start(far)).rejects.toMatchObject({ code: 'SOURCE_BEHIND' })
  })

  it('keeps to its rate', async () => {
    await using from = source(config({ rate: 50_000, rows: 0 }))
    const startedAt = performance.now()
    await from.start(never)
    let changes = 0
    for await (const batch of from.changes(signal)) {
      changes += batch.count
      expect(changes).toBeLessThanOrEqual(((performance.now() - startedAt) * 50_000) / 1000 + 1)
      if (changes > 5000) break
    }
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99)
  })
})

function request(table: Table, scope: LoadRequest['scope']): LoadRequest {
  return { table, scope, restart: false, beside: false, estimatedRows: null, estimatedBytes: null }
}

function plain(batch: Batch) {
  return Array.from(batch, view => ({
    transaction: view.transaction,
    index: view.index,
    commitTime: view.commitTime,
    kind: view.kind,
    table: view.table.name,
    key: Buffer.from(view.key).toString('hex'),
    text: JSON.stringify(view.table.columns.map((_, i) => view.text(i))),
  }))
}
