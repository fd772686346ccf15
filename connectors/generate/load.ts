import { setImmediate } from 'node:timers/promises'
import type { Chunk, Fence, LoadProgress, LoadRequest, SourceIdentity, Table } from '../../runtime/contract.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { RowEncoder } from './rows.ts'

export interface LoadPlan {
  readonly request: LoadRequest
  /** Live ids, ascending, with the change that wrote each. */
  readonly live: Iterable<readonly [id: number, change: number]>
  readonly fence: Fence
  /** Where a former run stopped: `state` is the last id read. */
  readonly after: LoadProgress | undefined
  readonly announce: boolean
  readonly tables: readonly Table[]
  readonly identity: SourceIdentity
  readonly chunkBytes: number
  readonly encoder: RowEncoder
}

/** Reads the rows of the request by ascending id, in chunks of about `chunkBytes`; the last one says that it is done. */
export async function* loadChunks(plan: LoadPlan, signal: AbortSignal): AsyncGenerator<Chunk> {
  const { request, fence, chunkBytes, encoder } = plan
  const { table, estimatedRows: totalRows } = request
  const writer = new BatchWriter(plan.tables)
  const wanted = wantedRows(plan)
  let row = wanted.next()
  let rows = plan.after?.rows ?? 0
  let last = Number(plan.after?.state ?? 0)
  let isFirst = true
  let done = false
  while (!done) {
    await setImmediate()
    signal.throwIfAborted()
    if (isFirst && plan.announce) writer.announce(table)
    writer.beginLoad(fence.high, BigInt(Date.now()) * 1000n)
    if (isFirst && request.restart) writer.truncate(table)
    isFirst = false
    const from = row.value?.[0]
    for (; row.done !== true && writer.size < chunkBytes; row = wanted.next(), rows++) {
      const [id, change] = row.value
      writer.row('r', table, encoder.row(id, change))
      last = id
    }
    writer.commit()
    done = row.done === true
    const progress = { done, rows, totalRows, state: String(last) }
    const batch = writer.take({ lane: `load:${table.name}`, progress, identity: plan.identity })
    const bounds = from === undefined ? {} : { from: encoder.keyBytes(from), to: encoder.keyBytes(last) }
    yield { table, fence, rows: batch, progress, ...bounds }
  }
}

function* wantedRows(plan: LoadPlan): Generator<readonly [id: number, change: number], undefined> {
  const after = Number(plan.after?.state ?? 0)
  for (const row of plan.live) if (row[0] > after && isWanted(plan.request, row[0])) yield row
}

/** A range reaches from `from` to before `to`, by id. */
function isWanted({ scope }: LoadRequest, id: number): boolean {
  if (scope.kind === 'all') return true
  if (scope.kind === 'keys') return scope.keys.some(key => idOf(key) === id)
  return (scope.from === undefined || id >= idOf(scope.from)) && (scope.to === undefined || id < idOf(scope.to))
}

function idOf(key: Uint8Array): number {
  return Number(keyTexts(key)[0])
}
