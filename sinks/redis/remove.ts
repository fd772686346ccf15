import type { SinkContext } from '../../runtime/contract.ts'
import type { Address } from './address.ts'
import { Catalog } from './catalog.ts'
import { Connection } from './connection.ts'
import { CursorRow, readFields, rowKey } from './cursor-row.ts'
import { KeyNames, OWN, patternOf } from './key-names.ts'
import { sweep } from './scan.ts'

/** Of what mode the layout is. */
export const INVALIDATES = 'invalidate'

/**
 * Removes the keys of every table the sink wrote, and its cursors; keys that it only invalidated are the application's.
 * A process that still writes is fenced. Answers a line for each.
 */
export async function removeAll(address: Address, context: SinkContext, signal: AbortSignal): Promise<string[]> {
  const { pipeline, name: sink } = context
  await using connection = await Connection.open(address, `tailrace:${pipeline}:${sink}`, signal)
  const done: string[] = []
  for (const source of context.sources) {
    const owner = { pipeline, sink, source }
    const key = rowKey(owner)
    if ((await readFields(connection, key)).size === 0) {
      await connection.ask('SREM', OWN, key)
      continue
    }
    const row = await CursorRow.take(connection, owner, '', '', signal)
    if (row.former.layout?.startsWith(INVALIDATES) !== true) {
      const { names } = new Catalog(row.former, new KeyNames('{table}', pipeline), new Map())
      for (const [name, count] of await sweep(connection, row, names, signal))
        done.push(`removed ${count} keys ${patternOf(name)} at ${connection.server}`)
    }
    await connection.askAll([['MULTI'], ['DEL', key], ['SREM', OWN, key], ['EXEC']])
    done.push(`removed ${key} at ${connection.server}`)
  }
  return done
}
