import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import pg from 'pg'
import { errorMessage, TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'
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

const NO_HOST = 'none.invalid'
const CONNECT_TIMEOUT_MS = 10_000
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/

interface Address {
  readonly url: URL
  /** A folder if it begins with a slash: a unix socket. */
  readonly host: string
  readonly sslmode: string
}

/** Throws CONFIG_URL. */
function addressOf(config: Pick<PostgresConfig, 'url'>): Address {
  let url: URL
  try {
    // libpq's form for unix sockets, user@/database?host=/folder, is no URL without a name there.
    url = new URL(config.url.replace(/^(\w+:\/\/[^/?#]*@)(?=\/)/, `$1${NO_HOST}`))
  } catch {
    throw badUrl('it is not a URL')
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw badUrl('it does not begin with postgres://')
  const host = decodeURIComponent(url.searchParams.get('host') ?? url.hostname).replace(/^\[(.+)\]$/, '$1')
  if (host === '' || host === NO_HOST) throw badUrl('it names no host')
  if (host.includes(',')) throw badUrl('it names more than one host; name the primary')
  if (url.pathname.length < 2) throw badUrl('it names no database')
  if (url.password !== '') registerSecret(decodeURIComponent(url.password))
  const local = host.startsWith('/') || LOOPBACK.test(host)
  return { url, host, sslmode: url.searchParams.get('sslmode') ?? (local ? 'disable' : 'verify-full') }
}

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of a postgres source cannot be used: ${why}.`, {
    hint: 'postgres://user:password@host:5432/database?sslmode=verify-full, special characters percent-encoded',
  })
}

/** What a person should know of this address: an encrypted connection whose server is not verified. */
export function connectionWarning(config: Pick<PostgresConfig, 'url'>): string | undefined {
  const { sslmode, host, url } = addressOf(config)
  if (sslmode === 'require' && !url.searchParams.has('sslrootcert'))
    return `sslmode=require encrypts but does not verify that the server is ${host}: use verify-full with sslrootcert`
  return undefined
}

/** The host and port, for messages. */
export function serverName(config: Pick<PostgresConfig, 'url'>): string {
  const { host, url } = addressOf(config)
  return `${host}:${url.searchParams.get('port') ?? (url.port || '5432')}`
}

/**
 * Everything a connection needs except its name and, for replication, `replication`. Never from the environment
 * (PGOPTIONS, PGSSLMODE). Throws CONFIG_URL.
 */
export function clientOptions(config: Pick<PostgresConfig, 'url'>): pg.ClientConfig {
  const { url, host, sslmode } = addressOf(config)
  const port = Number(url.searchParams.get('port') ?? (url.port || '5432'))
  const user = decodeURIComponent(url.username)
  return {
    host,
    port,
    ...(user === '' ? {} : { user }),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ssl: tlsOptions(sslmode, url.searchParams),
    client_encoding: 'UTF8',
    options: sessionOptions,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: { getTypeParser: () => (value: string) => value },
  }
}

function tlsOptions(sslmode: string, parameters: URLSearchParams): pg.ClientConfig['ssl'] {
  if (sslmode === 'disable') return false
  const ca = fileOption(parameters, 'sslrootcert')
  const cert = fileOption(parameters, 'sslcert')
  const key = fileOption(parameters, 'sslkey')
  const shared = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
  switch (sslmode) {
    case 'verify-full':
      return { ...shared, rejectUnauthorized: true }
    case 'verify-ca':
      return { ...shared, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'require':
      // As libpq: with a root certificate it verifies the chain, without one nothing.
      return ca === undefined
        ? { ...shared, rejectUnauthorized: false }
        : { ...shared, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    default:
      throw badUrl(`sslmode=${sslmode} is not one of disable, require, verify-ca, verify-full`)
  }
}

function fileOption(parameters: URLSearchParams, name: string): string | undefined {
  const path = parameters.get(name)
  if (path === null) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new TailraceError('CONFIG_URL', 'stop', `The file of ${name} cannot be read: ${errorMessage(cause)}`, {
      cause,
    })
  }
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
  return connectionError(error, serverName(config))
}
