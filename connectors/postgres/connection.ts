import type { Socket } from 'node:net'
import pg from 'pg'
import type { TailraceError } from '../../runtime/errors.ts'
import { postgresClientOptions, postgresUrls, sessionSql, TEXT_SETTINGS } from '../../runtime/postgres-client.ts'
import { addressName, type ServerAddress, serverAddress } from '../../runtime/server-address.ts'
import type { PostgresConfig } from './config.ts'
import { connectionError } from './connection-error.ts'

/** Connections to the source: how they are made, and what their errors mean. */

/** A role that only reads by default could not make its publication. */
const SETTINGS = { ...TEXT_SETTINGS, default_transaction_read_only: 'off' }

/** Throws CONFIG_URL. */
export function postgresAddress(config: Pick<PostgresConfig, 'url'>): ServerAddress {
  return serverAddress(config.url, postgresUrls('postgres source'))
}

/** Everything a connection needs except its name and, for replication, `replication`. Throws CONFIG_URL. */
export function clientOptions(config: Pick<PostgresConfig, 'url'>): pg.ClientConfig {
  return postgresClientOptions(postgresAddress(config), SETTINGS)
}

/**
 * An SQL connection with the session's settings, every value as text. It is destroyed when `signal` aborts; otherwise
 * the caller ends it. Throws as postgresError says.
 */
export async function connectSql(
  config: PostgresConfig,
  name: string,
  signal: AbortSignal,
  socket?: Socket,
): Promise<pg.Client> {
  signal.throwIfAborted()
  const stream = socket === undefined ? {} : { stream: () => socket }
  const client = new pg.Client({ ...clientOptions(config), ...stream, application_name: name })
  const destroy = (): void => void client.connection.stream.destroy()
  // Without a listener a server that goes away would end the process; the query that follows rejects.
  client.on('error', () => {})
  client.on('end', () => signal.removeEventListener('abort', destroy))
  signal.addEventListener('abort', destroy, { once: true })
  try {
    await client.connect()
    await client.query(sessionSql)
    return client
  } catch (error) {
    destroy()
    signal.removeEventListener('abort', destroy)
    signal.throwIfAborted()
    throw postgresError(error, config)
  }
}

/** What an error of a connection or query means here (connection-error.ts). */
export function postgresError(error: unknown, config: Pick<PostgresConfig, 'url'>): TailraceError {
  return connectionError(error, addressName(postgresAddress(config)))
}
