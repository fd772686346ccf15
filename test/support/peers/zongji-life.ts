/** The package `@vlasky/zongji`, with the options under which its values keep the most of what the server sent. */
import ZongJi, { type AnyBinlogEvent, type RowsEvent } from '@vlasky/zongji'

export interface ZongjiLife {
  /** Over the server; `database` filters at the package. */
  readonly url: string
  readonly database: string
  /** Tables that it passes over. */
  readonly without?: readonly string[]
  /** Everything up to it has been processed: a set of GTIDs (MySQL) or a state (MariaDB). */
  readonly gtids: string
  readonly serverId: number
  /** Called for one event after the other. */
  readonly handle: (event: AnyBinlogEvent) => void
  /** It goes on behind most of its errors. */
  readonly failed: (error: Error) => void
}

/** Without these it rounds, shifts or parses. */
const EXACT = {
  dateStrings: true,
  timezone: 'Z',
  supportBigNumbers: true,
  bigNumberStrings: true,
  jsonStrings: true,
}

/** Row events and what transactions consist of. */
const EVENTS = [
  ...['rotate', 'gtid', 'anonymousgtid', 'mariadbgtid', 'query', 'xid', 'xaprepare', 'tablemap'],
  ...['writerows', 'updaterows', 'deleterows', 'transactionpayload', 'partialupdaterows'],
]

/** Reads at once. `stop` ends it. */
export function startZongji({ url, database, without = [], gtids, serverId, handle, failed }: ZongjiLife): ZongJi {
  const zongji = new ZongJi({ uri: url, ...EXACT })
  zongji.on('binlog', handle)
  zongji.on('error', failed)
  zongji.start({
    gtidSet: gtids,
    serverId,
    includeEvents: EVENTS,
    includeSchema: { [database]: true },
    excludeSchema: { [database]: [...without] },
  })
  return zongji
}

/** Resolves when its connections are gone. */
export async function stopZongji(zongji: ZongJi): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  zongji.once('stopped', resolve)
  zongji.stop()
  await promise
}

/** `database.table` of an event with rows. */
export function tableOf({ tableMap, tableId }: Pick<RowsEvent, 'tableMap' | 'tableId'>): string {
  const { parentSchema, tableName } = tableMap[tableId]!
  return `${parentSchema}.${tableName}`
}
