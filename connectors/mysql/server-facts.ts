import type { MysqlClient } from './connection.ts'
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
  /** Seconds until a binary log is removed; 0: never. */
  readonly expireSeconds: number
  readonly variables: ReadonlyMap<string, string>
}

const WANTED = [
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
    expireSeconds:
      variables.has('binlog_expire_logs_seconds') && get('binlog_expire_logs_seconds') !== '0'
        ? Number(get('binlog_expire_logs_seconds'))
        : Math.round(Number(get('expire_logs_days', '0')) * 86_400),
    variables,
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
