import type pg from 'pg'
import { HAS_DDL_TRIGGER } from './ddl-trigger.ts'

/** What the server says of itself and of the role, for `check` and `init`. */
export interface ServerFacts {
  /** server_version_num */
  readonly version: number
  readonly versionText: string
  readonly standby: boolean
  readonly walLevel: string
  readonly database: string
  readonly role: string
  readonly superuser: boolean
  /** Superuser, the attribute, or what hosted services grant instead of it. */
  readonly mayReplicate: boolean
  readonly bypassesRowSecurity: boolean
  readonly mayCreate: boolean
  readonly slots: number
  readonly maxSlots: number
  readonly senders: number
  readonly maxSenders: number
  /** MB; -1: without limit. */
  readonly maxSlotKeep: number
  /** Seconds; 0: none. From 18 on. */
  readonly idleSlotTimeout: number
  /** From 17 on. */
  readonly synchronizedStandbySlots: string
  readonly standbySlots: readonly string[]
  /** Bytes of log a second since the statistics began; null if not known. */
  readonly walRate: number | null
  readonly slot: { readonly active: boolean; readonly walStatus: string | null; readonly plugin: string | null } | null
  /** DDL is told of by the stream (ddl-trigger.ts). */
  readonly ddlTrigger: boolean
  /** The process that the server works in for this connection. */
  readonly pid: number
}

/** `slot`: the one that the source uses. */
export async function readServer(client: pg.ClientBase, slot: string): Promise<ServerFacts> {
  const { rows } = await client.query<{ facts: string }>(FACTS, [slot])
  return JSON.parse(rows[0]!.facts) as ServerFacts
}

/** A setting's number in its own unit; `absent` where this version has no such setting. */
const setting = (name: string, absent: string): string =>
  `COALESCE((SELECT setting FROM pg_catalog.pg_settings WHERE name = '${name}'), '${absent}')`

const FACTS = `
  SELECT json_build_object(
    'version', pg_catalog.current_setting('server_version_num')::int,
    'versionText', pg_catalog.current_setting('server_version'),
    'standby', pg_catalog.pg_is_in_recovery(),
    'walLevel', pg_catalog.current_setting('wal_level'),
    'database', pg_catalog.current_database(),
    'role', r.rolname,
    'superuser', r.rolsuper,
    'mayReplicate', r.rolsuper OR r.rolreplication OR EXISTS (
      SELECT FROM pg_catalog.pg_roles g
      WHERE g.rolname IN ('rds_replication', 'azure_pg_admin') AND pg_catalog.pg_has_role(g.oid, 'MEMBER')),
    'bypassesRowSecurity', r.rolsuper OR r.rolbypassrls,
    'mayCreate', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
    'slots', (SELECT count(*) FROM pg_catalog.pg_replication_slots),
    'maxSlots', pg_catalog.current_setting('max_replication_slots')::int,
    'senders', (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender'),
    'maxSenders', pg_catalog.current_setting('max_wal_senders')::int,
    'maxSlotKeep', ${setting('max_slot_wal_keep_size', '-1')}::int8,
    'idleSlotTimeout', ${setting('idle_replication_slot_timeout', '0')}::int8,
    'synchronizedStandbySlots', ${setting('synchronized_standby_slots', '')},
    'standbySlots', COALESCE((SELECT json_agg(slot_name ORDER BY slot_name)
      FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical'), '[]'::pg_catalog.json),
    'walRate', (SELECT (w.wal_bytes / NULLIF(EXTRACT(epoch FROM pg_catalog.now() - w.stats_reset), 0))::float8
      FROM pg_catalog.pg_stat_wal w),
    'slot', (SELECT json_build_object('active', s.active, 'walStatus', s.wal_status, 'plugin', s.plugin)
      FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1),
    'ddlTrigger', ${HAS_DDL_TRIGGER},
    'pid', pg_catalog.pg_backend_pid()
  ) AS facts
  FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER`
