import type { Chunk, Fence, LoadRequest, RowStates, SinkRow, Table, TransactionId } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { differingColumns } from './compare.ts'
import { statesOf } from './key-states.ts'
import type { Subject } from './subject.ts'
import { keyName } from './suspects.ts'

/** A key under a load that changes it at every look is given up after so many. */
const MOST_ROUNDS = 20
/** Rows of a sink that are held at a time where the size of the source's rows bounds nothing. */
const HELD_KEYS = 200

/** How a key differs, beyond doubt. */
export interface Finding {
  readonly key: Uint8Array
  readonly kind: 'missing' | 'extra' | 'different'
  readonly columns: readonly string[]
}

export interface Confirmed {
  readonly findings: readonly Finding[]
  /** Keys that changed at every look. */
  readonly unsettled: readonly Uint8Array[]
}

/**
 * Looks closely at keys that seemed to differ. A key's row is read at the source under a fence, then in the sink once
 * that has all up to the fence. If they differ and the log's newest change of the key is one that the fence sees, there
 * is nothing under way that could explain it. If it is not, the look proves nothing, and there is another.
 */
export async function confirm(
  subject: Subject,
  request: LoadRequest,
  keys: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Confirmed> {
  const findings: Finding[] = []
  let open = keys
  for (let round = 0; open.length > 0 && round < MOST_ROUNDS; round++) {
    const look = new Look(subject, request, open, signal)
    await look.take()
    findings.push(...look.findings)
    open = look.unsettled
  }
  return { findings, unsettled: open }
}

/** One look at some keys. */
class Look {
  readonly findings: Finding[] = []
  readonly unsettled: Uint8Array[] = []
  readonly #subject: Subject
  readonly #request: LoadRequest
  readonly #signal: AbortSignal
  readonly #keys: readonly Uint8Array[]
  /** Those of which no row has come yet, by name. */
  readonly #rowless: Map<string, Uint8Array>
  /** The newest version of each key before the source was read, by name. */
  readonly #versions = new Map<string, bigint>()
  #truncated = 0n

  constructor(subject: Subject, request: LoadRequest, keys: readonly Uint8Array[], signal: AbortSignal) {
    this.#subject = subject
    this.#request = request
    this.#keys = keys
    this.#signal = signal
    this.#rowless = new Map(keys.map(key => [keyName(key), key]))
  }

  async take(): Promise<void> {
    const { source, log } = this.#subject
    const before = await statesOf(log, this.#request.table, this.#keys)
    for (const [i, key] of this.#keys.entries()) this.#versions.set(keyName(key), before.version(i))
    this.#truncated = before.truncated?.version ?? 0n
    const scope = { kind: 'keys', keys: this.#keys } as const
    let first: Chunk | undefined
    let last: Chunk | undefined
    for await (const chunk of source.load({ ...this.#request, scope, readOnly: true }, this.#signal)) {
      first ??= chunk
      last = chunk
      await this.#compareRows(chunk)
    }
    if (first === undefined || last === undefined) throw nothingRead(this.#request.table)
    // Which chunk a row is missing from is not known: no earlier than the first, no later than the last.
    await this.#compareRowless(last, first.fence)
  }

  async #compareRows(chunk: Chunk): Promise<void> {
    const keys: Uint8Array[] = []
    for (const row of chunk.rows)
      if (row.kind === 'r' && this.#rowless.has(keyName(row.key))) keys.push(Uint8Array.from(row.key))
    const held = await this.#held(chunk, keys)
    const shown = this.#subject.shown(chunk.table)
    const differing: Finding[] = []
    let i = 0
    for (const row of chunk.rows) {
      if (row.kind !== 'r' || !this.#rowless.has(keyName(row.key))) continue
      const key = keys[i]!
      const other = held[i++]
      const columns = other === undefined ? [] : differingColumns(row, other, shown)
      if (columns !== undefined) differing.push({ key, kind: other === undefined ? 'missing' : 'different', columns })
    }
    for (const key of keys) this.#rowless.delete(keyName(key))
    await this.#judge(chunk.table, differing, chunk.fence)
  }

  async #compareRowless(last: Chunk, fence: Fence): Promise<void> {
    if (this.#subject.keepsDeleted) return
    const rowless = [...this.#rowless.values()]
    const differing: Finding[] = []
    for (let at = 0; at < rowless.length; at += HELD_KEYS) {
      const keys = rowless.slice(at, at + HELD_KEYS)
      const held = await this.#held(last, keys)
      keys.forEach((key, i) => {
        if (held[i] !== undefined) differing.push({ key, kind: 'extra', columns: [] })
      })
    }
    await this.#judge(last.table, differing, fence)
  }

  /** What the sink holds once it has what the chunk's fence saw. */
  async #held(chunk: Chunk, keys: readonly Uint8Array[]): Promise<readonly (SinkRow | undefined)[]> {
    if (keys.length === 0) return []
    await this.#subject.reached(chunk.fence.high, this.#signal)
    return this.#subject.sink.get!(chunk.table, keys, this.#signal)
  }

  async #judge(table: Table, differing: readonly Finding[], fence: Fence): Promise<void> {
    if (differing.length === 0) return
    const keys = differing.map(({ key }) => key)
    const after = await statesOf(this.#subject.log, table, keys)
    differing.forEach((finding, i) => {
      if (this.#isSettled(finding.key, after, i, fence)) this.findings.push(finding)
      else this.unsettled.push(finding.key)
    })
  }

  /** The fence saw all that the log has of the key. */
  #isSettled(key: Uint8Array, after: RowStates, place: number, fence: Fence): boolean {
    const { source } = this.#subject
    const lineageFrom = this.#subject.lineageFrom()
    const isSeen = (version: bigint, transaction: TransactionId | undefined, before: bigint): boolean =>
      // What no transaction tells of, or one of another server, is old if it was there before the look.
      transaction === undefined || version <= lineageFrom ? version === before : source.sees(fence, transaction)
    const version = after.version(place)
    if (version !== 0n) return isSeen(version, after.transaction(place), this.#versions.get(keyName(key))!)
    const { truncated } = after
    return truncated === undefined || isSeen(truncated.version, truncated.transaction, this.#truncated)
  }
}

function nothingRead({ name }: Table): TailraceError {
  return new TailraceError('SOURCE_READ', 'retry', `The source answered nothing when rows of ${name} were asked for.`)
}
