import type { Socket } from 'node:net'
import pg from 'pg'
import type { TailraceError } from '../../runtime/errors.ts'
import { socketTls } from '../../runtime/tls.ts'
import { addressName, addressTls, type ServerAddress, serverAddress, type UrlKind } from '../common/server-address.ts'
import type { PostgresConfig } from './config.ts'
import { connectionError } from './connection-error.ts'

/** Connections to the source: how they are made, what their sessions are set to, what their errors mean. */

/**
 * Text that the server prints depends on these; a timeout would end a load or the stream, and a role that only reads
 * by default could not make its publication.
 */
const SESSION: Readonly<Record<string, string>> = {
  datestyle: 'ISO',
  intervalstyle: 'iso_8601',
  bytea_output: 'hex',
  timezone: 'UTC',
  extra_float_digits: '1',
  lc_monetary: 'C',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  default_transaction_read_only: 'off',
  row_security: 'off',
  search_path: '',
}

/**
 * The same as `options` of the startup packet, for every connection: they win over settings of role and database.
 * Follow a connect by `sessionSql`.
 */
export const sessionOptions = Object.entries(SESSION)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ')

/**
 * Run once on every new connection (also a replication connection): what cannot go into the startup packet, because
 * older servers refuse it (transaction_timeout) or it depends on the database (text of SQL_ASCII is sent unchecked).
 */
export const sessionSql = `
  SELECT pg_catalog.set_config(name, CASE name WHEN 'client_encoding' THEN 'SQL_ASCII' ELSE '0' END, false)
  FROM pg_catalog.pg_settings
  WHERE name = 'transaction_timeout'
    OR name = 'client_encoding' AND pg_catalog.current_setting('server_encoding') = 'SQL_ASCII'`

const URL_KIND: UrlKind = {
  type: 'postgres',
  protocols: ['postgres:', 'postgresql:'],
  port: 5432,
  needsDatabase: true,
}

const CONNECT_TIMEOUT_MS = 10_000

/** Throws CONFIG_URL. */
export function postgresAddress(config: Pick<PostgresConfig, 'url'>): ServerAddress {
  return serverAddress(config.url, URL_KIND)
}

/**
 * Everything a connection needs except its name and, for replication, `replication`. Never from the environment
 * (PGOPTIONS, PGSSLMODE). Throws CONFIG_URL.
 */
export function clientOptions(config: Pick<PostgresConfig, 'url'>): pg.ClientConfig {
  const address = postgresAddress(config)
  const { host, port, user, password, database } = address
  return {
    host,
    port,
    ...(user === '' ? {} : { user }),
    password,
    database,
    ssl: ssl(address),
    client_encoding: 'UTF8',
    options: sessionOptions,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: { getTypeParser: () => (value: string) => value },
  }
}

function ssl(address: ServerAddress): pg.ClientConfig['ssl'] {
  const tls = addressTls(address)
  return tls === undefined ? false : socketTls(tls, address.host)
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
