import { abortable } from '../../runtime/abort.ts'
import type { SinkRow, Table } from '../../runtime/contract.ts'
import { Connection } from './connection.ts'
import { keyPart, ownerOf, patternOf } from './key-names.ts'
import { scan } from './scan.ts'
import { RedisSink } from './sink.ts'
import { rowOf, valuesOf } from './values.ts'

/**
 * A sink whose rows can be read back, over a connection of its own: what is asked between MULTI and EXEC would become
 * part of the transaction.
 */
export class RowSink extends RedisSink {
  #reader: Promise<Connection | undefined> | undefined

  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    signal.throwIfAborted()
    const name = this.find(table)
    if (name === undefined) return keys.map(() => undefined)
    const connection = await this.#connect(signal)
    const prefix = Buffer.from(`${name}:`)
    const rows: (SinkRow | undefined)[] = []
    const wanted = keys.map(key => Buffer.concat([prefix, keyPart(key)]))
    for await (const group of valuesOf(connection, this.#command, wanted, signal))
      for (const held of group) rows.push(rowOf(table, name, held, this.#marks))
    return rows
  }

  /** All rows; what changes meanwhile may be seen or not. */
  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    signal.throwIfAborted()
    const name = this.find(table)
    if (name === undefined) return
    const connection = await this.#connect(signal)
    const names = new Set([name])
    for await (const page of scan(connection, patternOf(name), signal)) {
      const keys = page.filter(key => ownerOf(key.toString(), names) === name)
      for await (const group of valuesOf(connection, this.#command, keys, signal)) {
        const rows = group.flatMap(held => rowOf(table, name, held, this.#marks) ?? [])
        if (rows.length > 0) yield rows
      }
    }
  }

  get #command(): string {
    return this.parts.rows.value === 'json' ? 'GET' : 'HGETALL'
  }

  get #marks(): boolean {
    return this.parts.rows.onDelete === 'mark'
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    const open = this.#reader === undefined ? undefined : await abortable(this.#reader, signal)
    if (open?.isOpen === true) return open
    const { address, connectionName } = this.parts
    const opening = Connection.open(address, connectionName, signal)
    // Of one that failed the next caller hears nothing: it opens its own.
    this.#reader = opening.catch(() => undefined)
    return opening
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#reader)?.[Symbol.asyncDispose]()
    await super[Symbol.asyncDispose]()
  }
}
