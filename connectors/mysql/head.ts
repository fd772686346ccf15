import type { SourceHead } from '../../runtime/contract.ts'
import type { MysqlClient } from './connection.ts'
import { type BinlogPlace, comparePlaces, formatPosition } from './position.ts'
import { logEnd } from './read-view.ts'
import type { ServerFacts } from './server-facts.ts'

/**
 * The end of the server's binary log, and how much of it lies behind what is durable here. The server removes files by
 * their age: there is no size at which it gives up.
 */
export async function readHead(
  client: MysqlClient,
  facts: ServerFacts,
  durable: BinlogPlace | undefined,
): Promise<SourceHead> {
  const end = await logEnd(client, facts)
  const { flavor, serverId: server } = facts
  const position = formatPosition({ flavor, server, ...end, gtids: undefined, prepared: [] })
  const retained = { bytes: null, limitBytes: null, fullInSeconds: null }
  if (durable === undefined) return { position, lagBytes: null, retained }
  const files = await client.query('SHOW BINARY LOGS')
  let lag = 0n
  for (const [file, size] of files) {
    const place = { file: file!, offset: BigInt(size!) }
    if (file === durable.file) lag += place.offset > durable.offset ? place.offset - durable.offset : 0n
    else if ((comparePlaces({ ...place, offset: 0n }, durable) ?? -1) > 0) lag += place.offset
  }
  return { position, lagBytes: Number(lag), retained }
}
