import { Socket } from 'node:net'
import mysql from 'mysql2'
import { abortable } from '../../runtime/abort.ts'
import { addressTls, type ServerAddress, serverAddress, type UrlKind } from '../../runtime/server-address.ts'
import type { DirectSocket } from '../common/direct-socket.ts'
import { mysqlError } from './connection-error.ts'
import type { Flavor } from './wire-column.ts'

/** Connections to the source: how they are made, and what their sessions are set to. */

const URL_KIND: UrlKind = {
  owner: 'mysql source',
  protocols: ['mysql:', 'mariadb:'],
  port: 3306,
  needsDatabase: false,
}

const CONNECT_TIMEOUT_MS = 10_000
const KEEPALIVE_MS = 30_000

/** Throws CONFIG_URL. */
export function mysqlAddress(config: { readonly url: string }): ServerAddress {
  return serverAddress(config.url, URL_KIND)
}

/** A row: text as the server prints it, or null. */
export type TextRow = readonly (string | null)[]

/** One connection, whose session prints values as the log holds them. */
export class MysqlClient {
  readonly connection: mysql.Connection
  readonly flavor: Flavor
  /** As the server names it: `9.7.4`, `10.11.19-MariaDB-log`. */
  readonly version: string
  readonly #address: ServerAddress
  /** Queries under way: mysql2 forgets those of a connection that is destroyed. */
  readonly #waiting = new Set<(error: unknown) => void>()

  constructor(connection: mysql.Connection, version: string, address: ServerAddress) {
    this.connection = connection
    this.version = version
    this.flavor = /mariadb/i.test(version) ? 'mariadb' : 'mysql'
    this.#address = address
    this.stream.once('close', () => {
      for (const fail of this.#waiting) fail(closed())
      this.#waiting.clear()
    })
  }

  /** All rows of one statement, each column as text. Throws as mysqlError says, also when the connection is ended meanwhile. */
  async query(sql: string): Promise<TextRow[]> {
    const rows = await this.#answer(sql)
    return Array.isArray(rows) ? (rows as TextRow[]) : []
  }

  #answer(sql: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(mysqlError(error, this.#address))
      if (this.stream.destroyed) return fail(closed())
      this.#waiting.add(fail)
      const typeCast = (field: { string(): string | null }): string | null => field.string()
      this.connection.query({ sql, rowsAsArray: true, typeCast }, (error: unknown, rows: unknown) => {
        this.#waiting.delete(fail)
        if (error === null || error === undefined) resolve(rows)
        else fail(error)
      })
    })
  }

  /** TLS's, where there is one: what the server sends comes from here. */
  get stream(): Socket {
    return streamOf(this.connection)
  }

  /** At once, whatever is under way. */
  destroy(): void {
    destroy(this.connection)
  }
}

/** First and alone: what the server was told of its own, or `init_connect`, decides how the statements after it are read. */
const NAMES = 'SET NAMES utf8mb4 COLLATE utf8mb4_bin'

/**
 * What printed text depends on, and what would end a long read or the stream. `sql_mode` empty: no padding of CHAR, zero
 * dates as they are. Long keys are sorted by all of their bytes.
 */
const SESSION = [
  "time_zone = '+00:00'",
  "sql_mode = ''",
  'sql_auto_is_null = 0',
  'sql_quote_show_create = 1',
  'sql_select_limit = 18446744073709551615',
  'sql_big_selects = 1',
  'max_sort_length = 16384',
  'sort_buffer_size = 4194304',
  'autocommit = 1',
  'completion_type = 0',
  'wait_timeout = 86400',
  'net_read_timeout = 3600',
  'net_write_timeout = 3600',
  'group_concat_max_len = 1048576',
]

const SESSION_OF: Readonly<Record<Flavor, readonly string[]>> = {
  mysql: ['max_execution_time = 0', 'transaction_read_only = 0'],
  mariadb: ['max_statement_time = 0', 'tx_read_only = 0'],
}

/** Primary keys that a server of MySQL 8.0.30 and later made itself are in the rows of the log, shown or not. */
const SHOW_MADE_KEYS = '/*!80030 SET SESSION show_gipk_in_create_table_and_information_schema = ON */'

/**
 * A connection with the session's settings. It is destroyed when `signal` aborts; otherwise the caller ends it. `name`:
 * how it is called in the server's lists of connections. Throws as mysqlError says, CONFIG_URL.
 */
export async function connectMysql(
  config: { readonly url: string },
  name: string,
  signal: AbortSignal,
  direct?: DirectSocket,
): Promise<MysqlClient> {
  signal.throwIfAborted()
  const address = mysqlAddress(config)
  const connection = mysql.createConnection(connectionOptions(address, name, direct))
  const end = (): void => destroy(connection)
  // Without a listener a server that goes away would end the process; the query that follows rejects.
  connection.on('error', () => {})
  connection.on('end', () => signal.removeEventListener('abort', end))
  signal.addEventListener('abort', end, { once: true })
  try {
    const version = await abortable(greeting(connection), signal)
    const client = new MysqlClient(connection, version, address)
    await client.query(NAMES)
    await client.query(`SET ${[...SESSION, ...SESSION_OF[client.flavor]].map(one => `SESSION ${one}`).join(', ')}`)
    if (client.flavor === 'mysql') await client.query(SHOW_MADE_KEYS)
    return client
  } catch (error) {
    end()
    signal.removeEventListener('abort', end)
    signal.throwIfAborted()
    throw mysqlError(error, address)
  }
}

function closed(): Error {
  return new Error('the connection was closed')
}

function streamOf(connection: mysql.Connection): Socket {
  return (connection as unknown as { readonly stream: Socket }).stream
}

/** mysql2 only says goodbye, which a socket that nobody reads never learns the answer to. */
function destroy(connection: mysql.Connection): void {
  connection.destroy()
  streamOf(connection).destroy()
}

function greeting(connection: mysql.Connection): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  connection.once('connect', handshake => resolve((handshake as { serverVersion: string }).serverVersion))
  connection.once('error', reject)
  return promise
}

function connectionOptions(
  address: ServerAddress,
  name: string,
  direct: DirectSocket | undefined,
): mysql.ConnectionOptions {
  const { host, port, user, password, database } = address
  const tls = addressTls(address)
  const open = (): Socket => {
    const socket = direct?.socket ?? new Socket()
    if (host.startsWith('/')) socket.connect(host)
    else socket.connect(port, host)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEPALIVE_MS)
    // Node holds the certificate against this name where TLS is told none, as mysql2 does with addresses (else: localhost).
    return Object.assign(socket, { _host: host })
  }
  return {
    host,
    port,
    stream: open,
    user,
    ...(password === undefined ? {} : { password }),
    ...(database === '' ? {} : { database }),
    ...(tls === undefined ? {} : { ssl: tls }),
    charset: 'UTF8MB4_BIN',
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectAttributes: { program_name: name },
    // A server could ask for any file of this machine; statements of our own (query-wire.ts) have no attributes.
    flags: ['-LOCAL_FILES', '-CLIENT_QUERY_ATTRIBUTES', '-SESSION_TRACK'],
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
  }
}
