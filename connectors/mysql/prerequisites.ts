import type { Finding } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { ServerFacts } from './server-facts.ts'

/** What a server must be set to so that its binary log tells everything. */

/** MariaDB writes the metadata of rows in full from this version on. */
const MARIADB_METADATA = 100_500
const MYSQL_FLOOR = 80_000

/** A finding that says what is wrong, and the statement that mends it. None is left out. */
export function prerequisites(facts: ServerFacts): Finding[] {
  const { flavor, versionNumber, version } = facts
  const findings: Finding[] = []
  const need = (isMet: boolean, message: string, fix: string): void => {
    if (!isMet) findings.push({ level: 'error', code: 'SOURCE_PREREQUISITE', message, fix })
  }
  const wish = (isMet: boolean, message: string, fix: string): void => {
    if (!isMet) findings.push({ level: 'warning', code: 'SOURCE_PREREQUISITE', message, fix })
  }
  const floor = flavor === 'mysql' ? MYSQL_FLOOR : MARIADB_METADATA
  need(
    versionNumber >= floor,
    `The server is ${version}: rows in its binary log do not say which columns they have.`,
    flavor === 'mysql' ? 'Upgrade to MySQL 8.0 or later.' : 'Upgrade to MariaDB 10.11 or later.',
  )
  need(
    facts.logBin,
    'The server writes no binary log.',
    'In the server’s configuration: log_bin = binlog and a server_id of its own; then restart it.',
  )
  need(facts.format === 'ROW', `binlog_format is ${facts.format}.`, "SET GLOBAL binlog_format = 'ROW';")
  need(
    facts.rowMetadata === 'FULL',
    `binlog_row_metadata is ${facts.rowMetadata || 'not there'}: rows do not say which columns they have.`,
    "SET GLOBAL binlog_row_metadata = 'FULL';",
  )
  wish(
    facts.syncBinlog === '1',
    `sync_binlog is ${facts.syncBinlog}: after a power failure the server may have lost what was delivered already.`,
    'SET GLOBAL sync_binlog = 1;',
  )
  wish(
    facts.hasGtid,
    `gtid_mode is ${facts.variables.get('gtid_mode') ?? 'OFF'}: loads lock their table for a moment, and no other server can take this one’s place.`,
    'SET GLOBAL enforce_gtid_consistency = ON; then SET GLOBAL gtid_mode = OFF_PERMISSIVE; ON_PERMISSIVE; and ON.',
  )
  wish(
    facts.expireSeconds === 0 || facts.expireSeconds >= DAY_SECONDS,
    `Binary logs are removed after ${Math.round(facts.expireSeconds / 3600)} h: a source that is stopped for longer must read its tables again.`,
    `SET GLOBAL ${flavor === 'mysql' || facts.variables.has('binlog_expire_logs_seconds') ? 'binlog_expire_logs_seconds = 604800' : 'expire_logs_days = 7'};`,
  )
  return findings
}

const DAY_SECONDS = 86_400

/** Throws SOURCE_PREREQUISITE for the first thing that is missing. */
export function requirePrerequisites(facts: ServerFacts): void {
  const missing = prerequisites(facts).find(({ level }) => level === 'error')
  if (missing === undefined) return
  throw new TailraceError('SOURCE_PREREQUISITE', 'stop', missing.message, {
    hint: `${missing.fix} \`tailrace check\` names everything that is missing.`,
  })
}
