import type { Finding } from '../../runtime/contract.ts'
import { formatSeconds, formatSize } from '../../runtime/quantity.ts'
import { type PostgresConfig, type SourceNames, slotName } from './config.ts'
import { quoteIdentifier } from './quote.ts'
import type { ServerFacts } from './server-facts.ts'

/** What the server itself must offer, each with the statement that mends it. */

const OLDEST = 14
const NEWEST = 18

/** First minor of each major that decodes DDL beside open transactions without losing changes or hoarding memory. */
const SOUND_MINORS: Readonly<Record<number, number>> = { 14: 19, 15: 14, 16: 10, 17: 6 }

const RESTART = 'then restart the server'

const ok = (code: string, message: string): Finding => ({ level: 'ok', code, message })
const warning = (code: string, message: string, fix: string): Finding => ({ level: 'warning', code, message, fix })
const error = (code: string, message: string, fix: string): Finding => ({ level: 'error', code, message, fix })

/** `clientPid`: the server process that the connection's handshake named. */
export function checkServer(
  facts: ServerFacts,
  clientPid: number,
  config: PostgresConfig,
  names: SourceNames,
): Finding[] {
  return [
    ...pooler(facts, clientPid),
    version(facts),
    ...standby(facts),
    walLevel(facts),
    replicationRole(facts),
    slots(facts, slotName(config, names)),
    senders(facts),
    ...retention(facts),
    ...failover(facts, config),
    ddl(facts),
  ]
}

function pooler(facts: ServerFacts, clientPid: number): Finding[] {
  if (facts.pid === clientPid) return []
  return [
    error(
      'SOURCE_POOLER',
      'This is a connection pooler, which cannot carry replication.',
      'Put host and port of the server itself into `url`.',
    ),
  ]
}

function version({ version, versionText }: ServerFacts): Finding {
  const major = Math.floor(version / 10_000)
  const minor = version % 10_000
  if (major < OLDEST)
    return error('SOURCE_VERSION', `PostgreSQL ${versionText} is too old.`, `Upgrade to ${OLDEST} or later.`)
  if (major > NEWEST)
    return warning(
      'SOURCE_VERSION',
      `PostgreSQL ${versionText} is newer than any that was tested.`,
      `${OLDEST} to ${NEWEST} are.`,
    )
  const sound = SOUND_MINORS[major]
  if (sound !== undefined && minor < sound)
    return warning(
      'SOURCE_MINOR',
      `PostgreSQL ${versionText} may lose changes when a table is altered or published beside open transactions.`,
      `Update to ${major}.${sound} or later.`,
    )
  return ok('SOURCE_VERSION', `PostgreSQL ${versionText}`)
}

function standby({ standby }: ServerFacts): Finding[] {
  return standby
    ? [error('SOURCE_STANDBY', 'The server is a standby.', 'Put the primary’s host and port into `url`.')]
    : []
}

function walLevel({ walLevel }: ServerFacts): Finding {
  if (walLevel === 'logical') return ok('SOURCE_WAL_LEVEL', 'wal_level is logical')
  return error('SOURCE_WAL_LEVEL', `wal_level is ${walLevel}.`, `ALTER SYSTEM SET wal_level = 'logical'; -- ${RESTART}`)
}

function replicationRole({ role, mayReplicate }: ServerFacts): Finding {
  if (mayReplicate) return ok('SOURCE_ROLE', `role ${role} may replicate`)
  return error(
    'SOURCE_ROLE',
    `Role ${role} may not replicate.`,
    `ALTER ROLE ${quoteIdentifier(role)} REPLICATION; -- on Amazon RDS: GRANT rds_replication TO ${quoteIdentifier(role)};`,
  )
}

function slots({ slot, slots, maxSlots }: ServerFacts, name: string): Finding {
  const drop = `SELECT pg_drop_replication_slot('${name}'); -- and begin anew`
  if (slot !== null) {
    if (slot.plugin !== 'pgoutput')
      return error('SLOT_LOST', `Replication slot ${name} belongs to plugin ${slot.plugin}.`, 'Choose another `slot`.')
    if (slot.walStatus === 'lost')
      return error('SLOT_LOST', `Replication slot ${name} was given up by the server: it kept too much log.`, drop)
    return ok('SOURCE_SLOTS', `replication slot ${name} ${slot.active ? 'is being read' : 'is there'}`)
  }
  if (slots < maxSlots) return ok('SOURCE_SLOTS', `${maxSlots - slots} of ${maxSlots} replication slots are free`)
  return error(
    'SOURCE_SLOTS',
    `All ${maxSlots} replication slots are taken.`,
    `ALTER SYSTEM SET max_replication_slots = ${maxSlots + 5}; -- ${RESTART}`,
  )
}

function senders({ senders, maxSenders }: ServerFacts): Finding {
  if (senders < maxSenders) return ok('SOURCE_SENDERS', `${maxSenders - senders} of ${maxSenders} WAL senders are free`)
  return error(
    'SOURCE_SENDERS',
    `All ${maxSenders} WAL senders are taken.`,
    `ALTER SYSTEM SET max_wal_senders = ${maxSenders + 5}; -- ${RESTART}`,
  )
}

const RELOAD = 'SELECT pg_reload_conf();'
const MB = 1024 * 1024

function retention({ maxSlotKeep, idleSlotTimeout, walRate }: ServerFacts): Finding[] {
  const findings: Finding[] = []
  if (maxSlotKeep === -1)
    findings.push(
      warning(
        'SOURCE_RETENTION',
        'While Tailrace is stopped the server keeps its log without limit, until the disk is full.',
        `ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; ${RELOAD} -- beyond it the slot is lost and rows are read anew`,
      ),
    )
  else {
    const seconds = walRate === null || walRate <= 0 ? null : (maxSlotKeep * MB) / walRate
    const lasts = seconds === null ? '' : `, ${formatSeconds(seconds)} at the average rate so far`
    findings.push(ok('SOURCE_RETENTION', `the server keeps ${formatSize(maxSlotKeep * MB)} of log for a slot${lasts}`))
  }
  if (idleSlotTimeout > 0)
    findings.push(
      warning(
        'SOURCE_IDLE_TIMEOUT',
        `A slot that is not read for ${formatSeconds(idleSlotTimeout)} is lost.`,
        `ALTER SYSTEM SET idle_replication_slot_timeout = 0; ${RELOAD}`,
      ),
    )
  return findings
}

function ddl({ ddlTrigger }: ServerFacts): Finding {
  if (ddlTrigger) return ok('SOURCE_DDL', 'DDL is noticed at its commit, by an event trigger')
  return ok(
    'SOURCE_DDL',
    'DDL that changes rows is noticed within 10 s; at once with the event trigger of `tailrace init`',
  )
}

/** A standby that is promoted behind what we have read would take commits back. */
function failover(facts: ServerFacts, config: PostgresConfig): Finding[] {
  const { version, synchronizedStandbySlots, standbySlots } = facts
  if (version < 170_000 || !config.failover || standbySlots.length === 0 || synchronizedStandbySlots !== '') return []
  return [
    warning(
      'SOURCE_FAILOVER',
      `The server has standbys (${standbySlots.join(', ')}), and changes may reach Tailrace before them.`,
      `ALTER SYSTEM SET synchronized_standby_slots = '${standbySlots.join(',')}'; ${RELOAD} -- those to fail over to`,
    ),
  ]
}
