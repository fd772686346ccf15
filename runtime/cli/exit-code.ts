/** 0 fine, 1 failed at run time, 2 bad config or usage, 3 environment not ready, 4 waited or compared without success. */
export const EXIT = { fine: 0, failed: 1, usage: 2, environment: 3, inVain: 4 } as const

const USAGE = new Set([
  'USAGE',
  'FILE_EXISTS',
  'UNKNOWN_SOURCE',
  'UNKNOWN_SINK',
  'UNKNOWN_TABLE',
  'NOT_CONFIRMED',
  'REQUEST_INVALID',
  'FORGET_KEY',
  'SINK_GENERATIONS',
  'NO_GENERATION',
  'GENERATION_SHAPE',
])

/** What only a change outside Tailrace mends: at the database, at the target, on this machine. */
const ENVIRONMENT = new Set([
  'CASCADES_UNLOGGED',
  'EVENT_SCHEMA',
  'OUTBOX_COLUMNS',
  'PUBLICATION_MISSING',
  'PUBLICATION_REPLACED',
  'PUBLICATION_TABLES',
  'PUBLICATION_UNSUITABLE',
  'SLOT_BLOCKED',
  'SLOT_EXISTS',
  'SOURCE_STANDBY',
  'SOURCE_TLS',
  'TABLE_UNSUPPORTED',
  'SINK_AUTH',
  'SINK_BUCKET',
  'SINK_CLUSTER',
  'SINK_DRIVER',
  'SINK_POOLER',
  'SINK_REPLICA',
  'SINK_TLS',
  'TARGET_TAKEN',
  'TARGET_UNREADABLE',
  'TARGET_UNWRITABLE',
  'TIMELINE_HISTORY',
  'XA_LOST',
  'LOG_FILESYSTEM',
  'DEMO_SERVER_MISSING',
  'SOURCE_AUTH',
  'SOURCE_PREREQUISITE',
  'TABLE_MISSING',
  'TABLE_WITHOUT_KEY',
  'SLOT_HELD',
  'SLOT_LOST',
  'SLOT_AHEAD',
  'SOURCE_REPLACED',
  'SOURCE_BEHIND',
  'SOURCE_REWOUND',
  'SOURCE_PURGED',
  'SOURCE_BINLOG',
  'SOURCE_BINLOG_FILTER',
  'LOG_LOCKED',
  'LISTEN_TAKEN',
  'LISTEN_FAILED',
  'NOT_RUNNING',
  'PART_NOT_RUNNING',
  'PART_STOPPED',
  'VERIFY_BUSY',
  'REBUILD_BUSY',
  'FORGET_LIVE',
  'FORGET_UNREAD',
  'FORGET_LOADING',
  'STILL_RUNNING',
  'UNAUTHORIZED',
  'STARTING',
])

const IN_VAIN = new Set(['WAIT_TIMEOUT'])

/** The exit status of an error that ended a verb. */
export function exitCode(code: string | undefined): number {
  if (code === undefined) return EXIT.failed
  if (code.startsWith('CONFIG_') || USAGE.has(code)) return EXIT.usage
  if (ENVIRONMENT.has(code)) return EXIT.environment
  return IN_VAIN.has(code) ? EXIT.inVain : EXIT.failed
}
