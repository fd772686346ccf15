import type { Finding } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { formatSeconds } from '../../runtime/quantity.ts'
import type { ServerFacts } from './server-facts.ts'

/** What a server must be set to so that its binary log tells everything. */

/** MariaDB writes the metadata of rows in full from this version on. */
const MARIADB_METADATA = 100_500
const MYSQL_FLOOR = 80_000
const DAY_SECONDS = 86_400

/**
 * One finding for each setting. A `fix` is SQL, or `[mysqld] OPTION = VALUE` where the server must be started with it;
 * what follows ` -- ` is a remark.
 */
export function prerequisites(facts: ServerFacts): Finding[] {
  const findings = [version(facts), logBin(facts)]
  if (!facts.logBin) return findings
  findings.push(format(facts), metadata(facts), rowImage(facts), ...partialJson(facts), ...replica(facts))
  findings.push(gtids(facts), syncBinlog(facts), retention(facts))
  return findings
}

/** Throws SOURCE_PREREQUISITE for the first thing that is missing. */
export function requirePrerequisites(facts: ServerFacts): void {
  requireFine(prerequisites(facts), 'SOURCE_PREREQUISITE')
}

/** Throws the first error among them, under `code` or its own. */
export function requireFine(findings: readonly Finding[], code?: string): void {
  const missing = findings.find(({ level }) => level === 'error')
  if (missing === undefined) return
  throw new TailraceError(code ?? missing.code, 'stop', missing.message, {
    hint: `${missing.fix ?? ''}\n\`tailrace check\` names everything that is missing.`.trim(),
  })
}

const ok = (code: string, message: string): Finding => ({ level: 'ok', code, message })

/** Of a statement that only holds until the server's next start, or for sessions that begin after it. */
export function setting({ flavor }: Pick<ServerFacts, 'flavor'>, name: string, value: string, remark?: string): string {
  if (flavor === 'mysql') return `SET PERSIST ${name} = ${value};${remark === undefined ? '' : ` -- ${remark}`}`
  const kept = 'put the same into the server’s configuration, for its next start'
  return `SET GLOBAL ${name} = ${value}; -- ${kept}${remark === undefined ? '' : `; ${remark}`}`
}

/** Of an option that a running server does not take. */
export function option(name: string, value: string): string {
  return `[mysqld] ${name} = ${value} -- in the server’s configuration; then restart it`
}

function version({ flavor, version, versionNumber }: ServerFacts): Finding {
  const code = 'SOURCE_VERSION'
  const name = flavor === 'mysql' ? `MySQL ${version}` : version.replace(/-MariaDB.*$/, '').replace(/^/, 'MariaDB ')
  if (versionNumber >= (flavor === 'mysql' ? MYSQL_FLOOR : MARIADB_METADATA)) return ok(code, name)
  return {
    level: 'error',
    code,
    message: `${name} is too old: rows in its binary log do not say which columns they have.`,
    fix: flavor === 'mysql' ? 'Upgrade to MySQL 8.0 or later.' : 'Upgrade to MariaDB 10.11 or later.',
  }
}

function logBin({ logBin }: ServerFacts): Finding {
  const code = 'SOURCE_LOG_BIN'
  if (logBin) return ok(code, 'the server writes a binary log')
  return { level: 'error', code, message: 'The server writes no binary log.', fix: option('log_bin', 'binlog') }
}

function format(facts: ServerFacts): Finding {
  const code = 'SOURCE_BINLOG_FORMAT'
  if (facts.format === 'ROW') return ok(code, 'binlog_format is ROW')
  const remark = 'sessions that are open go on with the former format until they connect anew'
  return {
    level: 'error',
    code,
    message: `binlog_format is ${facts.format}: changes are logged as statements, without rows.`,
    fix: setting(facts, 'binlog_format', "'ROW'", remark),
  }
}

function metadata(facts: ServerFacts): Finding {
  const code = 'SOURCE_ROW_METADATA'
  if (facts.rowMetadata === 'FULL') return ok(code, 'binlog_row_metadata is FULL')
  return {
    level: 'error',
    code,
    message: `binlog_row_metadata is ${facts.rowMetadata || 'not there'}: rows do not say which columns they have.`,
    fix: setting(facts, 'binlog_row_metadata', "'FULL'", 'let transactions that are open end before the first start'),
  }
}

const UNLOGGED_BY_MARIADB =
  ' MariaDB then does not log which columns REPLACE has set back to their defaults: they keep their values here, as in its own replicas. Updates of tables with virtual columns stop the source.'

function rowImage(facts: ServerFacts): Finding {
  const code = 'SOURCE_ROW_IMAGE'
  if (facts.rowImage === 'FULL') return ok(code, 'binlog_row_image is FULL')
  return {
    level: 'warning',
    code,
    message: `binlog_row_image is ${facts.rowImage}: each change is completed from Tailrace’s log, which takes time.${
      facts.flavor === 'mariadb' ? UNLOGGED_BY_MARIADB : ''
    }`,
    fix: setting(facts, 'binlog_row_image', "'FULL'", 'sessions that are open keep theirs until they connect anew'),
  }
}

function partialJson(facts: ServerFacts): Finding[] {
  const isPartial = (facts.variables.get('binlog_row_value_options') ?? '').toUpperCase().includes('PARTIAL_JSON')
  if (!isPartial || facts.rowImage === 'FULL') return []
  return [
    {
      level: 'warning',
      code: 'SOURCE_PARTIAL_JSON',
      message: `With binlog_row_value_options PARTIAL_JSON and binlog_row_image ${facts.rowImage} changes within JSON cannot be read.`,
      fix: setting(
        facts,
        'binlog_row_value_options',
        "''",
        'sessions that are open keep theirs until they connect anew',
      ),
    },
  ]
}

function replica({ flavor, isReplica, logsReplicated, versionNumber }: ServerFacts): Finding[] {
  const code = 'SOURCE_REPLICA'
  if (!isReplica) return []
  if (logsReplicated) return [ok(code, 'the server is a replica, and logs what it replicates')]
  const name = flavor === 'mysql' && versionNumber >= 80_026 ? 'log_replica_updates' : 'log_slave_updates'
  return [
    {
      level: 'error',
      code,
      message: 'The server is a replica, and does not write what it replicates to its binary log.',
      fix: option(name, 'ON'),
    },
  ]
}

function gtids({ hasGtid, variables }: ServerFacts): Finding {
  const code = 'SOURCE_GTID'
  if (hasGtid) return ok(code, 'transactions have GTIDs')
  const modes = ['OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON'].map(mode => `SET PERSIST gtid_mode = ${mode};`)
  return {
    level: 'warning',
    code,
    message: `gtid_mode is ${variables.get('gtid_mode') ?? 'OFF'}: loads lock their tables for a moment, and no other server can take this one’s place.`,
    fix: `SET PERSIST enforce_gtid_consistency = ON; ${modes.join(' ')} -- ON once Ongoing_anonymous_transaction_count is 0`,
  }
}

function syncBinlog(facts: ServerFacts): Finding {
  const code = 'SOURCE_SYNC_BINLOG'
  if (facts.syncBinlog === '1') return ok(code, 'sync_binlog is 1')
  return {
    level: 'warning',
    code,
    message: `sync_binlog is ${facts.syncBinlog}: after a power failure the server may have lost what was delivered already.`,
    fix: setting(facts, 'sync_binlog', '1'),
  }
}

function retention(facts: ServerFacts): Finding {
  const code = 'SOURCE_RETENTION'
  const { expireSeconds, variables } = facts
  const time = formatSeconds(expireSeconds)
  if (expireSeconds === 0) return ok(code, 'binary logs are kept until somebody removes them')
  if (expireSeconds >= DAY_SECONDS) return ok(code, `binary logs are kept for ${time}`)
  const name = variables.has('binlog_expire_logs_seconds') ? 'binlog_expire_logs_seconds' : 'expire_logs_days'
  return {
    level: 'warning',
    code,
    message: `Binary logs are removed after ${time}: a source that is stopped for longer must read its tables again.`,
    fix: setting(facts, name, name === 'expire_logs_days' ? '7' : '604800'),
  }
}
