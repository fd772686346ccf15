/** Where a server's binary log stands, and what it holds, as the server says. */
import type { MysqlServer } from './server.ts'

export interface LogPlace {
  readonly file: string
  readonly at: number
}

/** The end of the log. */
export async function logEnd(server: MysqlServer): Promise<LogPlace> {
  const isNew = server.flavor === 'mysql' && server.version >= 802
  const [row] = await server.query(isNew ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS')
  return { file: row!.File!, at: Number(row!.Position) }
}

/** What the source calls the transactions from `begin` on. */
export async function transactionsFrom(server: MysqlServer, { file, at }: LogPlace): Promise<string[]> {
  const events = await server.query(`SHOW BINLOG EVENTS IN '${file}' FROM ${at}`)
  const found: string[] = []
  for (const { Event_type: type, Info: info, Pos: place } of events) {
    if (type === 'Anonymous_Gtid') found.push(`${file}:${place}`)
    const gtid = (type === 'Gtid' && /(?:GTID_NEXT= '|GTID )([^ ']+)/.exec(info!)?.[1]) || undefined
    if (gtid !== undefined) found.push(server.flavor === 'mysql' ? gtid : `${gtid}@${file}:${place}`)
  }
  return found
}
