import { isTailraceError } from '../../runtime/errors.ts'
import type { MysqlClient } from './connection.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import type { Flavor } from './wire-column.ts'

/** What of a server's settings matters here. */
export interface ServerFacts {
  readonly flavor: Flavor
  readonly version: string
  /** 8.0.36 is 80036, 10.11.6 is 101106. */
  readonly versionNumber: number
  /** Tells servers apart: MySQL's server_uuid; MariaDB's server_uid, in older ones its server_id. */
  readonly serverId: string
  readonly logBin: boolean
  readonly format: string
  readonly rowImage: string
  readonly rowMetadata: string
  readonly hasGtid: boolean
  readonly syncBinlog: string
  readonly lowerCaseTableNames: 0 | 1 | 2
  /** Commits become visible in the order of the binary log. */
  readonly ordersCommits: boolean
  /** It replicates from another server, as far as it can be seen. */
  readonly isReplica: boolean
  /** What it replicates is in its own binary log. */
  readonly logsReplicated: boolean
  /** Seconds until a binary log is removed; 0: never. */
  readonly expireSeconds: number
  readonly variables: ReadonlyMap<string, string>
}

const WANTED = [
  'binlog_expire_logs_auto_purge',
  'binlog_expire_logs_seconds',
  'binlog_format',
  'binlog_order_commits',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_row_value_options',
  'expire_logs_days',
  'foreign_key_checks',
  'gtid_mode',
  'innodb_native_foreign_keys',
  'log_bin',
  'log_bin_compress',
  'log_replica_updates',
  'log_slave_updates',
  'lower_case_table_names',
  'read_only',
  'server_id',
  'server_uid',
  'server_uuid',
  'sync_binlog',
]

export async function serverFacts(client: MysqlClient): Promise<ServerFacts> {
  const names = WANTED.map(name => `'${name}'`).join(', ')
  const rows = await client.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`)
  const variables = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value ?? '']))
  const get = (name: string, missing = ''): string => variables.get(name) ?? missing
  const { flavor, version } = client
  const lower = Number(get('lower_case_table_names', '0'))
  return {
    flavor,
    version,
    versionNumber: versionNumber(version),
    serverId: flavor === 'mysql' ? get('server_uuid') : get('server_uid', `server-id-${get('server_id')}`),
    logBin: isOn(get('log_bin')),
    format: get('binlog_format', 'ROW').toUpperCase(),
    rowImage: get('binlog_row_image', 'FULL').toUpperCase(),
    rowMetadata: get('binlog_row_metadata').toUpperCase(),
    hasGtid: flavor === 'mariadb' || get('gtid_mode').toUpperCase() === 'ON',
    syncBinlog: get('sync_binlog'),
    lowerCaseTableNames: lower === 1 ? 1 : lower === 2 ? 2 : 0,
    ordersCommits: flavor === 'mariadb' || isOn(get('binlog_order_commits', 'ON')),
    isReplica: await isReplica(client),
    logsReplicated: isOn(get('log_replica_updates', get('log_slave_updates'))),
    expireSeconds: expireSeconds(variables),
    variables,
  }
}

function expireSeconds(variables: ReadonlyMap<string, string>): number {
  if (!isOn(variables.get('binlog_expire_logs_auto_purge') ?? 'ON')) return 0
  const seconds = Number(variables.get('binlog_expire_logs_seconds') ?? '0')
  return seconds > 0 ? seconds : Math.round(Number(variables.get('expire_logs_days') ?? '0') * 86_400)
}

/** MariaDB tells who may not see more how many of its replication channels run. */
async function isReplica(client: MysqlClient): Promise<boolean> {
  if (client.flavor === 'mariadb') {
    const [row] = await client.query("SHOW GLOBAL STATUS LIKE 'Slaves_running'")
    return Number(row?.[1] ?? '0') > 0
  }
  const isNew = versionNumber(client.version) >= 80_022
  try {
    return (await client.query(isNew ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS')).length > 0
  } catch (error) {
    // `check` names the privilege, and without it no source starts.
    if (isTailraceError(error) && serverErrno(error) === ServerError.specificAccessDenied) return false
    throw error
  }
}

function isOn(value: string): boolean {
  return value === '1' || value.toUpperCase() === 'ON'
}

function versionNumber(version: string): number {
  // Old drivers were lied to: MariaDB then names itself 5.5.5-10.x.
  const [, major, minor, patch] = /(\d+)\.(\d+)\.(\d+)/.exec(version.replace(/^5\.5\.5-(?=\d)/, '')) ?? []
  return Number(major) * 10_000 + Number(minor) * 100 + Number(patch)
}
