import type pg from 'pg'
import type { SourceIdentity } from '../../runtime/contract.ts'
import { errorMessage, TailraceError } from '../../runtime/errors.ts'
import { formatLsn, parseLsn } from './position.ts'
import { resyncHint } from './server-error.ts'
import type { Slot } from './slot.ts'

/** Whether this server is the one that the log was fed from, and still has what follows it. `source`: its name, for hints. */

export interface ServerIdentity {
  readonly systemId: string
  readonly timeline: number
}

/** On a replication connection. */
export async function identifySystem(replication: pg.Client): Promise<ServerIdentity> {
  const { rows } = await replication.query<{ systemid: string; timeline: string }>('IDENTIFY_SYSTEM')
  return { systemId: rows[0]!.systemid, timeline: Number(rows[0]!.timeline) }
}

/** Throws SOURCE_REPLACED. */
export function checkSystem(stored: SourceIdentity, server: ServerIdentity, source: string): void {
  if (stored.system === server.systemId) return
  throw new TailraceError(
    'SOURCE_REPLACED',
    'stop',
    `This is another database cluster (${server.systemId}) than the one that the log was fed from (${stored.system}).`,
    { hint: `Check \`url\`. If it was restored or upgraded on purpose: ${resyncHint(source)}` },
  )
}

/**
 * After a failover or a recovery the server is on another timeline: what we hold must lie before the switch. Throws
 * SOURCE_REWOUND, TIMELINE_HISTORY.
 */
export async function checkTimeline(
  stored: SourceIdentity,
  server: ServerIdentity,
  position: bigint,
  replication: pg.Client,
  source: string,
): Promise<void> {
  const before = Number(stored.timeline)
  if (before === server.timeline) return
  const left =
    before < server.timeline ? switchPoint(await readHistory(replication, server.timeline, source), before) : undefined
  if (left !== undefined && position <= left) return
  throw new TailraceError(
    'SOURCE_REWOUND',
    'stop',
    `The server is on timeline ${server.timeline}; the log holds changes up to ${formatLsn(position)} of timeline ${before}, which the server left ${left === undefined ? 'unrecorded' : `at ${formatLsn(left)}`}: it lost commits that we have.`,
    { hint: `Reading the tables again takes the sinks back to what the server has. ${resyncHint(source)}` },
  )
}

async function readHistory(replication: pg.Client, timeline: number, source: string): Promise<string> {
  try {
    const { rows } = await replication.query<{ content: string }>(`TIMELINE_HISTORY ${timeline}`)
    const content = rows[0]!.content
    return content.startsWith('\\x') ? Buffer.from(content.slice(2), 'hex').toString('utf8') : content
  } catch (cause) {
    throw new TailraceError('TIMELINE_HISTORY', 'stop', `The history of timeline ${timeline}: ${errorMessage(cause)}`, {
      cause,
      hint: `Without it nobody can tell whether the server lost commits that the log has. ${resyncHint(source)}`,
    })
  }
}

/** Where a timeline was left, by the history of a later one: lines of parent, position, reason. */
export function switchPoint(history: string, timeline: number): bigint | undefined {
  for (const line of history.split('\n')) {
    const [parent, position] = line.trim().split(/\s+/)
    if (parent !== undefined && position !== undefined && Number(parent) === timeline) return parseLsn(position)
  }
  return undefined
}

/** Throws SOURCE_BEHIND. */
export function checkBehind(insertLsn: bigint, position: bigint, source: string): void {
  if (insertLsn >= position) return
  throw new TailraceError(
    'SOURCE_BEHIND',
    'stop',
    `The server's log ends at ${formatLsn(insertLsn)}, before what we hold (${formatLsn(position)}): it was set back.`,
    { hint: `Check \`url\`: an old backup or copy? ${resyncHint(source)}` },
  )
}

/** Throws SLOT_LOST, SLOT_AHEAD. */
export function checkSlot(
  name: string,
  slot: Slot | undefined,
  database: string,
  position: bigint,
  source: string,
): void {
  const lost = (why: string): TailraceError =>
    new TailraceError('SLOT_LOST', 'stop', `Replication slot "${name}" ${why}.`, { hint: resyncHint(source) })
  if (slot === undefined) throw lost('is not at the server any more')
  if (slot.plugin !== 'pgoutput') throw lost(`belongs to plugin ${slot.plugin}, not to pgoutput: another made it`)
  if (slot.database !== database) throw lost(`belongs to database ${slot.database}`)
  if (slot.walStatus === 'lost' || slot.confirmedFlush === null)
    throw lost('was given up by the server: it kept more log than max_slot_wal_keep_size, or was idle for too long')
  if (slot.confirmedFlush > position)
    throw new TailraceError(
      'SLOT_AHEAD',
      'stop',
      `Replication slot "${name}" stands at ${formatLsn(slot.confirmedFlush)}, beyond what this log holds (${formatLsn(position)}).`,
      { hint: `Another process read from it, or the log folder is an old copy. ${resyncHint(source)}` },
    )
}
