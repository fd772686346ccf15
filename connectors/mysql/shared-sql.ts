import { SharedConnection } from '../common/shared-connection.ts'
import type { MysqlConfig } from './config.ts'
import { connectMysql, type MysqlClient, mysqlAddress } from './connection.ts'
import { mysqlError } from './connection-error.ts'

/** A connection for statements, called `name` at the server, opened when it is used and anew when it was lost. */
export function sharedSql(config: MysqlConfig, name: string): SharedConnection<MysqlClient> {
  return new SharedConnection<MysqlClient>({
    open: async (signal, onEnd) => {
      const client = await connectMysql(config, name, signal)
      client.connection.once('end', onEnd)
      client.connection.once('error', onEnd)
      return client
    },
    end: client => client.destroy(),
    error: error => mysqlError(error, mysqlAddress(config)),
  })
}
