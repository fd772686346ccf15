import type pg from 'pg'
import { SharedConnection } from '../common/shared-connection.ts'
import type { PostgresConfig } from './config.ts'
import { connectSql, postgresError } from './connection.ts'
import { endConnection } from './replication.ts'

/** One SQL connection of a source. Throws as postgresError says. */
export type SharedSql = SharedConnection<pg.Client>

export function sharedSql(config: PostgresConfig, name: string): SharedSql {
  return new SharedConnection<pg.Client>({
    open: async (signal, onEnd) => {
      const client = await connectSql(config, name, signal)
      client.once('end', onEnd)
      return client
    },
    end: endConnection,
    error: error => postgresError(error, config),
  })
}
