import type { Message } from 'kafkajs'
import type { LogBatch, LoggedChange, Sink, Table, WriteResult } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { EnvelopeWriter } from '../../runtime/record/envelope.ts'
import type { Client } from './client.ts'
import { type KeyOptions, keyMaker } from './keys.ts'
import { Round } from './round.ts'
import { clusterError, refusalOf } from './server-error.ts'
import type { Topic, Topics } from './topics.ts'

/** A broker closes the connection of who sends more in one request: `socket.request.max.bytes` is 100 MB by default. */
const MOST_BYTES = 64 * 1024 * 1024

export interface SinkParts {
  readonly client: Client
  readonly topics: Topics
  readonly keys: KeyOptions
  readonly tombstones: boolean
  readonly source: { readonly name: string; readonly logId: string }
}

/** Messages of one source. Where it stands, the log's registry knows. */
export class KafkaSink implements Sink {
  readonly #parts: SinkParts
  readonly #envelopes: EnvelopeWriter
  readonly #keys = new Map<number, (change: LoggedChange) => Buffer | undefined>()

  constructor(parts: SinkParts) {
    this.#parts = parts
    this.#envelopes = new EnvelopeWriter({ type: 'tailrace', source: parts.source.name, database: null })
  }

  /** On all replicas in sync when it resolves. A change that comes alone and is refused is named. */
  async write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult> {
    signal.throwIfAborted()
    const count = await this.#prepare(batch, skip, signal)
    let round = new Round()
    let index = -1
    let last = -1
    for (const change of batch) {
      index++
      if (!isSent(change, index, skip)) continue
      last = index
      const topic = this.#parts.topics.of(change.table)
      for (const [partition, message] of this.#messagesOf(change, topic)) {
        const bytes = message.value?.length ?? 0
        if (bytes > MOST_BYTES) return refused(count, index, `a message of ${bytes} bytes`)
        if (!round.hasRoom(topic, partition, message)) {
          const reason = await this.#send(round, signal)
          if (reason !== undefined) return refused(count, index, reason)
          round = new Round()
        }
        round.add(topic, partition, message)
      }
    }
    const reason = round.isEmpty ? undefined : await this.#send(round, signal)
    return reason === undefined ? { rejected: [] } : refused(count, last, reason)
  }

  /** Answers why the cluster does not want the messages, if so. */
  async #send(round: Round, signal: AbortSignal): Promise<string | undefined> {
    try {
      await this.#parts.client.send(round.topicMessages(), signal)
      return undefined
    } catch (error) {
      signal.throwIfAborted()
      const refusal = refusalOf(error)
      if (refusal === undefined) throw clusterError(this.#parts.client.server, error)
      return refusal
    }
  }

  /** With the partition that each goes to. Keys that are alike have one partition, and what has none the first. */
  *#messagesOf(change: LoggedChange, topic: Topic): Generator<readonly [number, Message]> {
    const key = this.#keys.get(change.table.id)!(change) ?? null
    const headers = { 'tailrace-log': this.#parts.source.logId, 'tailrace-version': String(change.version) }
    const value = Buffer.from(this.#envelopes.value(change))
    if (change.kind === 't') {
      // Behind it nothing of before counts, in each of them.
      for (const { partitionId } of topic.partitions) yield [partitionId, { key, value, headers }]
      return
    }
    const partition = key === null ? 0 : this.#parts.client.partition(topic.name, topic.partitions, key)
    yield [partition, { key, value, headers }]
    if (change.kind === 'd' && this.#parts.tombstones) yield [partition, { key, value: null, headers }]
  }

  /** Makes sure of every topic; answers how many changes are sent. */
  async #prepare(batch: LogBatch, skip: ReadonlySet<number> | undefined, signal: AbortSignal): Promise<number> {
    const tables = new Map<number, Table>()
    let index = 0
    let count = 0
    for (const change of batch) {
      if (!isSent(change, index++, skip)) continue
      count++
      if (!this.#keys.has(change.table.id)) tables.set(change.table.id, change.table)
    }
    await this.#parts.topics.prepare([...tables.values()], signal)
    for (const table of tables.values()) this.#keys.set(table.id, keyMaker(table, this.#parts.keys))
    return count
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.client[Symbol.asyncDispose]()
  }
}

function isSent({ kind }: LoggedChange, index: number, skip: ReadonlySet<number> | undefined): boolean {
  return skip?.has(index) !== true && kind !== 's'
}

/** One of several may be to blame, so they come in parts. */
function refused(count: number, index: number, reason: string): WriteResult {
  if (count === 1) return { rejected: [{ index, reason: `the cluster refuses it: ${reason}` }] }
  throw new TailraceError('SINK_BATCH_TOO_LARGE', 'retry', `The cluster refuses one of ${count} changes: ${reason}.`, {
    hint: 'Nothing: they are sent in parts.',
  })
}
