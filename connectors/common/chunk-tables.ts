import type { Chunk, Table } from '../../runtime/contract.ts'

/** The chunk is in the log, and with it the table versions that it names: its own, and those of events. */
export function noteTables(logged: Map<number, Table>, { table, rows }: Chunk): void {
  logged.set(table.id, table)
  for (const id of rows.tables) logged.set(id, rows.registry.get(id)!)
}
