import type { Batch, LoadProgress, Position, Table } from '../contract.ts'
import { BatchWriter } from '../record/writer.ts'

export interface DeletedKeys {
  readonly table: Table
  readonly keys: readonly Uint8Array[]
  /** What the fence calls high that did not see them. */
  readonly high: Position
  readonly progress: LoadProgress
}

/** A unit of the table's lane that deletes these keys. */
export function deletesOf({ table, keys, high, progress }: DeletedKeys): Batch {
  const writer = new BatchWriter([table])
  writer.beginLoad(high, BigInt(Date.now()) * 1000n)
  for (const key of keys) writer.deleteKey(table, key)
  writer.commit()
  return writer.take({ lane: `load:${table.name}`, progress })
}
