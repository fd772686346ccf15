import type pg from 'pg'
import { addressTls, type ServerAddress, type UrlKind } from './server-address.ts'
import { socketTls } from './tls.ts'

/** What every connection to a PostgreSQL has in common, of sources and of sinks. */

/** `owner`: whose urls they are, for messages. */
export function postgresUrls(owner: string): UrlKind {
  return { owner, protocols: ['postgres:', 'postgresql:'], port: 5432, needsDatabase: true }
}

/** Text that the server prints and reads depends on these; a timeout would end a load, a stream or a write. */
export const TEXT_SETTINGS: Readonly<Record<string, string>> = {
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
  row_security: 'off',
  search_path: '',
}

/**
 * Run once on every new connection (also a replication connection): what cannot go into the startup packet, because
 * older servers refuse it (transaction_timeout) or it depends on the database (text of SQL_ASCII is sent unchecked).
 */
export const sessionSql = `
  SELECT pg_catalog.set_config(name, CASE name WHEN 'client_encoding' THEN 'SQL_ASCII' ELSE '0' END, false)
  FROM pg_catalog.pg_settings
  WHERE name = 'transaction_timeout'
    OR name = 'client_encoding' AND pg_catalog.current_setting('server_encoding') = 'SQL_ASCII'`

const CONNECT_TIMEOUT_MS = 10_000

/**
 * Everything a connection needs except its name; every value comes as text. `settings` go with the startup packet, where
 * they win over those of role and database; follow a connect by `sessionSql`. Never from the environment (PGOPTIONS,
 * PGSSLMODE). Throws CONFIG_URL.
 */
export function postgresClientOptions(
  address: ServerAddress,
  settings: Readonly<Record<string, string>>,
): pg.ClientConfig {
  const { host, port, user, password, database } = address
  const tls = addressTls(address)
  return {
    host,
    port,
    ...(user === '' ? {} : { user }),
    password,
    database,
    ssl: tls === undefined ? false : socketTls(tls, host),
    client_encoding: 'UTF8',
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: { getTypeParser: () => (value: string) => value },
  }
}
