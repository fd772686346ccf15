import type { SinkContext } from '../../runtime/contract.ts'
import type { ServerAddress } from '../../runtime/server-address.ts'
import { changePlaces, GENERATIONS, removeGeneration } from './generations.ts'
import { CURSORS, OWN_SCHEMA, TABLES } from './owner.ts'

/** Drops every table the sink made, of all generations, and the sink's own ones if no other needs them. Answers a line for each. */
export async function removeAll(address: ServerAddress, context: SinkContext, signal: AbortSignal): Promise<string[]> {
  const lines = await changePlaces(address, context, signal, async connection => {
    const done: string[] = []
    for (const generation of GENERATIONS)
      for (const name of await removeGeneration(connection, context, generation)) done.push(`dropped table ${name}`)
    const left = await connection.query(`SELECT 1 FROM ${CURSORS} UNION ALL SELECT 1 FROM ${TABLES} LIMIT 1`)
    if (left.length === 0) {
      await connection.run(`DROP TABLE ${CURSORS}, ${TABLES}`)
      done.push(`dropped the sink’s own tables of the schema ${OWN_SCHEMA}`)
    }
    return done
  })
  return lines ?? []
}
