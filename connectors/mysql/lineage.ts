import type { SourceIdentity } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { MysqlClient } from './connection.ts'
import { parseGtidState } from './gtid/mariadb-state.ts'
import { parseGtidSet } from './gtid/mysql-set.ts'
import { type BinlogPosition, comparePlaces } from './position.ts'
import { FILE_BEGIN, gtidsAt } from './read-view.ts'
import type { ServerFacts } from './server-facts.ts'

/**
 * Whether this server has everything that the log was fed with, and still keeps what follows it. GTIDs are compared by
 * inclusion in both directions; without them only the same server can go on. Numbers begin anew after a RESET, and an
 * older copy of the data gives them out again: so at the same server the file is to be the same one, too. `source`: its
 * name, for hints.
 */

/** Answers whether the server is another one than before. Throws SOURCE_REPLACED, SOURCE_REWOUND, SOURCE_PURGED. */
export async function checkLineage(
  client: MysqlClient,
  facts: ServerFacts,
  stored: SourceIdentity,
  position: BinlogPosition,
  source: string,
): Promise<{ readonly isOther: boolean }> {
  const isOther = stored.server !== facts.serverId
  if (stored.flavor !== facts.flavor)
    throw replaced(`This is ${named(facts.flavor)}, and the log was fed from ${named(stored.flavor ?? '')}`, source)
  if (isOther && (position.gtids === undefined || !facts.hasGtid))
    throw replaced(
      'This is another server than the one that the log was fed from, and it has no GTIDs in common',
      source,
    )
  const isByGtid = facts.flavor === 'mysql' && facts.hasGtid && position.gtids !== undefined
  if (isByGtid) await checkMysql(client, position.gtids, source)
  else if (facts.flavor === 'mariadb' && isOther) await checkMariadb(client, position.gtids!, source)
  if (!isOther) await checkFile(client, facts, position, isByGtid, source)
  return { isOther }
}

async function checkMysql(client: MysqlClient, gtids: string, source: string): Promise<void> {
  const [row] = await client.query('SELECT @@GLOBAL.gtid_executed, @@GLOBAL.gtid_purged')
  const held = parseGtidSet(gtids)
  const [executed, purged] = row!.map(text => parseGtidSet((text ?? '').replaceAll(/\s/g, '')))
  if (!executed!.includes(held))
    throw rewound('It does not have all transactions that the log has: it was set back, or lost them.', source)
  if (!held.includes(purged!))
    throw purgedError('Transactions that the log has not are no longer in its binary log', source)
}

async function checkMariadb(client: MysqlClient, gtids: string, source: string): Promise<void> {
  // Of each server what is in its log: a domain's newest number alone may be of another one.
  const [row] = await client.query('SELECT @@GLOBAL.gtid_binlog_state')
  const state = parseGtidState(row?.[0] ?? '')
  if (!state.includes(parseGtidState(gtids)))
    throw rewound('It does not have all transactions that the log has: it was set back, or lost them.', source)
}

/** The file of the position is still there, or need not be, and as long as it was; MariaDB tells what is in it. */
async function checkFile(
  client: MysqlClient,
  facts: ServerFacts,
  { file, offset, gtids }: BinlogPosition,
  mayBePurged: boolean,
  source: string,
): Promise<void> {
  const files = await client.query('SHOW BINARY LOGS')
  const found = files.find(([name]) => name === file)
  if (found === undefined) {
    if (files.every(([name]) => (comparePlaces({ file: name!, offset }, { file, offset }) ?? 1) < 0))
      throw rewound(`Its binary log ends before ${file}, which the log was fed from.`, source)
    if (mayBePurged) return
    throw purgedError(`Binary log ${file}, in which the log stands, is no longer there`, source)
  }
  if (BigInt(found[1]!) < offset)
    throw rewound(`Its binary log ${file} is shorter than it was: the server was set back, or lost its end.`, source)
  if (facts.flavor !== 'mariadb' || gtids === undefined || offset === FILE_BEGIN) return
  const now = parseGtidState(await gtidsAt(client, { file, offset }))
  const held = parseGtidState(gtids)
  if (!now.includes(held) || !held.includes(now))
    throw rewound(`Its binary log ${file} holds other transactions than it did: RESET, or another server.`, source)
}

/** `begun`: of the file of that name now; undefined if it is not there. */
export function checkBegun(position: BinlogPosition, begun: number | undefined, source: string): void {
  if (begun === undefined || begun === position.begun) return
  throw rewound(
    `Its binary log ${position.file} is another one than the log was fed from: RESET, or an older copy of its data.`,
    source,
  )
}

export function resyncHint(source: string): string {
  return `Changes may be missing, so nothing goes on by itself. To read the tables again and append what differs: tailrace backfill --source ${source} --resnapshot (if no process runs: tailrace run --resnapshot ${source})`
}

function replaced(why: string, source: string): TailraceError {
  return new TailraceError('SOURCE_REPLACED', 'stop', `${why}.`, {
    hint: `Check \`url\`. If it took the other one's place on purpose: ${resyncHint(source)}`,
  })
}

function rewound(why: string, source: string): TailraceError {
  return new TailraceError('SOURCE_REWOUND', 'stop', why, {
    hint: `Reading the tables again takes the sinks back to what the server has. ${resyncHint(source)}`,
  })
}

export function purgedError(why: string, source: string): TailraceError {
  return new TailraceError('SOURCE_PURGED', 'stop', `${why}: they were purged.`, { hint: resyncHint(source) })
}

function named(flavor: string): string {
  return flavor === 'mariadb' ? 'a MariaDB' : 'a MySQL'
}
