import type { Fence } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { TextRow } from './connection.ts'
import { gtidFence, placeFence } from './fence.ts'
import { type BinlogPlace, formatPosition } from './position.ts'
import type { Queries } from './queries.ts'
import { quoteText } from './quote.ts'
import type { ServerFacts } from './server-facts.ts'
import { lockTables } from './table-lock.ts'

/** Consistent reads, and which transactions of the binary log they see (R4.8). */

/** A fence just taken, and the server's clock then, microseconds since 1970. */
export interface TakenFence {
  readonly fence: Fence
  readonly time: bigint
}

const ISOLATION = 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ'
const BEGIN = 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'
/** No statement waits longer for what another one holds. */
const WAIT_SECONDS = 1

export interface ViewPlace {
  readonly facts: ServerFacts
  /** Quoted names of the tables that are read. */
  readonly relations: readonly string[]
  /** Another connection, for a lock; only where `needsLock`. */
  readonly locker?: Queries | undefined
}

/** Without GTIDs the place of a state is known only while nobody writes. */
export function needsLock({ flavor, hasGtid }: ServerFacts): boolean {
  return flavor === 'mysql' && !hasGtid
}

/** Once on each connection that takes views, or locks for them. */
export async function prepareViews(client: Queries): Promise<void> {
  await client.query(ISOLATION)
  await client.query(`SET SESSION lock_wait_timeout = ${WAIT_SECONDS}`)
}

/**
 * Begins a transaction whose reads see one state, and says which. MySQL: it sees at least what had been committed before,
 * and nothing beyond the end of the log, which is read afterwards (a commit that waits for a replica is in the log and not
 * yet visible). MariaDB knows the place exactly. Without GTIDs the tables are locked for a moment.
 */
export async function takeView(client: Queries, at: ViewPlace): Promise<TakenFence> {
  const { facts } = at
  const time = await serverTime(client)
  if (facts.flavor === 'mariadb') {
    await client.query(BEGIN)
    const place = await snapshotPlace(client)
    return { fence: { data: placeFence(place), high: high(facts, place) }, time }
  }
  if (needsLock(facts)) {
    const place = await lockedView([client], at)
    return { fence: { data: placeFence(place), high: high(facts, place) }, time }
  }
  const executed = await mysqlExecuted(client)
  await client.query(BEGIN)
  const place = await logEnd(client, facts)
  return { fence: { data: gtidFence(executed), high: high(facts, place) }, time }
}

export async function endView(client: Queries): Promise<void> {
  await client.query('COMMIT')
}

function high({ flavor, serverId: server }: ServerFacts, place: BinlogPlace): Fence['high'] {
  return formatPosition({ flavor, server, ...place, gtids: undefined, prepared: [] })
}

/** One state that several connections read, and what the stream goes on with. */
export interface SharedView {
  readonly place: BinlogPlace
  /** Everything that it sees; undefined without GTIDs. */
  readonly gtids: string | undefined
}

const TRIES = 200
const TRY_MS = 5000

/**
 * Begins a transaction on each connection, all of which see the same state. Nothing is locked where the server has GTIDs:
 * it is tried until nothing was committed meanwhile. Undefined where that does not come to pass.
 *
 * MySQL: transactions become visible before they count as executed, but in groups of which none changes what another one
 * of the group changed. So with the same set before and after, a row that a view shows and the set does not have was
 * changed once, and the stream brings just that state of it again. That needs commits in the order of the log.
 */
export async function shareView(
  clients: readonly Queries[],
  at: ViewPlace,
  signal: AbortSignal,
): Promise<SharedView | undefined> {
  const { facts } = at
  if (needsLock(facts)) return { place: await lockedView(clients, at), gtids: undefined }
  if (!facts.ordersCommits) return undefined
  const started = performance.now()
  for (let tries = 0; tries < TRIES && performance.now() - started < TRY_MS; tries++) {
    signal.throwIfAborted()
    const view = facts.flavor === 'mysql' ? await tryMysql(clients, facts) : await tryMariadb(clients)
    if (view !== undefined) return view
  }
  await Promise.all(clients.map(endView))
  return undefined
}

async function tryMysql(clients: readonly Queries[], facts: ServerFacts): Promise<SharedView | undefined> {
  const [first] = clients
  const end = await logEnd(first!, facts)
  const before = await mysqlExecuted(first!)
  await Promise.all(clients.map(client => client.query(BEGIN)))
  const after = await mysqlExecuted(first!)
  // What had been written to the log by then may be beyond the set: of the file, its begin is certain.
  return after === before ? { place: { ...end, offset: FILE_BEGIN }, gtids: after } : undefined
}

async function tryMariadb(clients: readonly Queries[]): Promise<SharedView | undefined> {
  await Promise.all(clients.map(client => client.query(BEGIN)))
  const places = await Promise.all(clients.map(snapshotPlace))
  const [place, ...others] = places
  if (others.some(({ file, offset }) => file !== place!.file || offset !== place!.offset)) return undefined
  return { place: place!, gtids: await gtidsAt(clients[0]!, place!) }
}

/** Behind the magic number of a file. */
export const FILE_BEGIN = 4n

/** MariaDB: the state of GTIDs at a place that a group ends at. */
export async function gtidsAt(client: Queries, { file, offset }: BinlogPlace): Promise<string> {
  const [row] = await client.query(`SELECT BINLOG_GTID_POS(${quoteText(file)}, ${offset})`)
  return row?.[0] ?? ''
}

/** MySQL: everything that has been committed. */
export async function mysqlExecuted(client: Queries): Promise<string> {
  const [row] = await client.query('SELECT @@GLOBAL.gtid_executed')
  return (row?.[0] ?? '').replaceAll(/\s/g, '')
}

/** MariaDB: where the state that the transaction sees lies in the log. */
async function snapshotPlace(client: Queries): Promise<BinlogPlace> {
  const rows = await client.query(`SHOW STATUS LIKE 'Binlog\\_snapshot\\_%'`)
  const values = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value ?? '']))
  const file = values.get('binlog_snapshot_file') ?? ''
  if (file === '') throw noBinlog()
  return { file, offset: BigInt(values.get('binlog_snapshot_position') ?? '0') }
}

/** MariaDB: the place of what is visible now. */
export async function visiblePlace(client: Queries): Promise<BinlogPlace> {
  await client.query(BEGIN)
  const place = await snapshotPlace(client)
  await endView(client)
  return place
}

/** The end of the last group that was written to the log, whether it is visible already or not. */
export async function logEnd(client: Queries, facts: ServerFacts): Promise<BinlogPlace> {
  const row = await binlogStatus(client, facts)
  if (row === undefined) throw noBinlog()
  return { file: row[0]!, offset: BigInt(row[1]!) }
}

/** File, offset, databases of binlog_do_db and of binlog_ignore_db, separated by commas; undefined without a log. */
export async function binlogStatus(
  client: Queries,
  { flavor, versionNumber }: ServerFacts,
): Promise<TextRow | undefined> {
  const isNew = flavor === 'mysql' && versionNumber >= 80_200
  return (await client.query(isNew ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS'))[0]
}

/** Views of the state that the log ends at: nobody writes to the tables, and those who did have ended. */
async function lockedView(clients: readonly Queries[], { facts, relations, locker }: ViewPlace): Promise<BinlogPlace> {
  await lockTables(locker!, relations, clients[0]!)
  try {
    await Promise.all(clients.map(client => client.query(BEGIN)))
    return await logEnd(locker!, facts)
  } finally {
    await locker!.query('UNLOCK TABLES')
  }
}

/** The server's clock, microseconds since 1970. */
export async function serverTime(client: Queries): Promise<bigint> {
  const [row] = await client.query("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))")
  return BigInt(row![0]!)
}

export function noBinlog(): TailraceError {
  return new TailraceError('SOURCE_PREREQUISITE', 'stop', 'The server writes no binary log.', {
    hint: 'Start it with --log-bin and a server-id. `tailrace check` names everything that is missing.',
  })
}
