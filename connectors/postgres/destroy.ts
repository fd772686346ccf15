import type { SourceContext } from '../../runtime/contract.ts'
import { type PostgresConfig, publicationNames, slotName } from './config.ts'
import { connectSql, postgresError } from './connection.ts'
import { dropPublication } from './publication.ts'
import { endConnection } from './replication.ts'
import { dropSlot, waitUntilFree } from './slot.ts'

/** Drops slot and publications; answers a line for each that was there. Throws SLOT_HELD. */
export async function destroyPostgres(
  config: PostgresConfig,
  context: SourceContext,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const sql = await connectSql(config, `tailrace ${context.pipeline} ${context.name} remove`, signal)
  try {
    const lines: string[] = []
    const slot = slotName(config, context)
    await waitUntilFree(sql, slot, signal)
    if (await dropSlot(sql, slot)) lines.push(`dropped replication slot "${slot}"`)
    for (const name of Object.values(publicationNames(config, context))) {
      const outcome = await dropPublication(sql, name)
      if (outcome === 'dropped') lines.push(`dropped publication "${name}"`)
      if (outcome === 'kept') lines.push(`kept publication "${name}", which Tailrace did not make`)
    }
    return lines
  } catch (error) {
    throw postgresError(error, config)
  } finally {
    endConnection(sql)
  }
}
