import type { LoggedChange, Table } from '../contract.ts'
import { VERSION } from '../version.ts'

/** The part `source` of Debezium's envelope: where a change comes from, by the names of its connectors. */

/** Where the changes of one log come from. */
export interface Origin {
  /** The source plugin's type. */
  readonly type: string
  readonly source: string
  readonly database: string | null
}

/** `source` of a change, as JSON. */
export type SourceInfo = (change: LoggedChange) => string

export function sourceInfo(origin: Origin): SourceInfo {
  return origin.type === 'mysql' ? binlogInfo(origin) : postgresInfo(origin)
}

/** PostgreSQL, and sources that Debezium does not know. */
function postgresInfo({ type, source, database }: Origin): SourceInfo {
  const connector = type === 'postgres' ? 'postgresql' : type
  const head = JSON.stringify({ version: VERSION, connector, name: source, db: database }).slice(0, -1)
  const names = namesOf(table => ({ schema: table.schema, table: table.table }))
  return change =>
    `${head},${moment(change)},${names(change.table)},` +
    `"txId":${transactionNumber(change)},"lsn":${logSequenceNumber(change.position)}}`
}

/**
 * MySQL and MariaDB, which Debezium has a connector for each: there is no schema above the table, and the database is the
 * table's. `file` and `pos` are where the transaction begins, or where the log stood when a row was read.
 */
function binlogInfo({ source }: Origin): SourceInfo {
  const names = namesOf(table => ({ db: table.schema, table: table.table }))
  let position: string | undefined
  let place: BinlogPlace = NOWHERE
  return change => {
    if (change.position !== position) {
      position = change.position
      place = binlogPlace(position)
    }
    const gtid = gtidOf(change.transaction)
    const connector = place.flavor ?? (gtid !== undefined && !gtid.includes(':') ? 'mariadb' : 'mysql')
    const head = JSON.stringify({ version: VERSION, connector, name: source }).slice(0, -1)
    return (
      `${head},${moment(change)},${names(change.table)},` +
      `"gtid":${JSON.stringify(gtid ?? null)},"file":${JSON.stringify(place.file)},"pos":${place.pos ?? 'null'}}`
    )
  }
}

function moment({ commitTime, kind }: LoggedChange): string {
  return `"ts_ms":${milliseconds(commitTime)},"snapshot":"${kind === 'r'}"`
}

/** Made once for each table version. */
function namesOf(of: (table: Table) => Readonly<Record<string, string>>): (table: Table) => string {
  const known = new WeakMap<Table, string>()
  return table => {
    let text = known.get(table)
    if (text === undefined) {
      text = JSON.stringify(of(table)).slice(1, -1)
      known.set(table, text)
    }
    return text
  }
}

/** A number where the source numbers its transactions (PostgreSQL), else its text. */
function transactionNumber({ transaction }: LoggedChange): string {
  if (transaction === undefined) return 'null'
  return /^\d+$/.test(transaction) ? transaction : JSON.stringify(transaction)
}

/** A PostgreSQL position, `16/B374D848`, is one 64-bit number in Debezium; other sources have none. */
function logSequenceNumber(position: string): string {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/.exec(position)
  return match === null ? 'null' : String((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`))
}

/**
 * `uuid:number`, with a tag in between, or MariaDB's `domain-server-sequence`, behind which the place stands. Without
 * GTIDs transactions are called by the place alone.
 */
const GTID = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:(?:\w+:)?\d+$|\d+-\d+-\d+(?=@))/i

function gtidOf(transaction: string | undefined): string | undefined {
  return transaction === undefined ? undefined : GTID.exec(transaction)?.[0]
}

interface BinlogPlace {
  readonly flavor: string | undefined
  readonly file: string | null
  /** In decimal, 64 bits. */
  readonly pos: string | null
}

const NOWHERE: BinlogPlace = { flavor: undefined, file: null, pos: null }
const PLACE = /^(.+):(\d+)$/

/** `file:offset` of a transaction; of a read row JSON with `flavor` and that as `at`. */
function binlogPlace(position: string): BinlogPlace {
  const { flavor, at = position } = position.startsWith('{') ? (JSON.parse(position) as Record<string, unknown>) : {}
  const match = PLACE.exec(String(at))
  if (match === null) return NOWHERE
  return { flavor: typeof flavor === 'string' ? flavor : undefined, file: match[1]!, pos: match[2]! }
}

export function milliseconds(microseconds: bigint): string {
  return String(microseconds / 1000n)
}
