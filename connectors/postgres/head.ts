import type pg from 'pg'
import type { SourceHead } from '../../runtime/contract.ts'
import { formatLsn, parseLsn, roundInsertLsn } from './position.ts'

interface HeadRow {
  insert: string
  page: string
  segment: string
  restart: string | null
  safe: string | null
}

const HEAD = `SELECT pg_catalog.pg_current_wal_insert_lsn() AS insert,
    pg_catalog.current_setting('wal_block_size') AS page,
    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size') AS segment,
    s.restart_lsn AS restart, s.safe_wal_size AS safe
  FROM (VALUES (1)) one LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $1`

/** The server's end of log, rounded so that the stream can reach it. */
export async function readInsertLsn(sql: pg.Client): Promise<bigint> {
  return insertLsn(await readHead(sql, ''))
}

async function readHead(sql: pg.Client, slot: string): Promise<HeadRow> {
  const { rows } = await sql.query<HeadRow>(HEAD, [slot])
  return rows[0]!
}

function insertLsn(row: HeadRow): bigint {
  return roundInsertLsn(parseLsn(row.insert), BigInt(row.page), BigInt(row.segment))
}

/** Looks at the server's end again and again, and tells from the rate when the log kept for us meets its limit. */
export class HeadMeter {
  readonly #slot: string
  #before: { at: number; lsn: bigint } | undefined

  constructor(slot: string) {
    this.#slot = slot
  }

  async read(sql: pg.Client, durable: bigint): Promise<SourceHead> {
    const row = await readHead(sql, this.#slot)
    const head = insertLsn(row)
    const bytes = row.restart === null ? null : Number(head - parseLsn(row.restart))
    const left = row.safe === null ? null : Number(row.safe)
    const rate = this.#rate(head)
    return {
      position: formatLsn(head),
      lagBytes: durable === 0n ? null : Math.max(0, Number(head - durable)),
      retained: {
        bytes,
        limitBytes: bytes === null || left === null ? null : bytes + Math.max(0, left),
        fullInSeconds: left === null || rate === null || rate <= 0 ? null : Math.max(0, left / rate),
      },
    }
  }

  /** Bytes of log a second since the call before. */
  #rate(head: bigint): number | null {
    const now = { at: performance.now(), lsn: head }
    const before = this.#before
    this.#before = now
    if (before === undefined || now.at === before.at) return null
    return Number(now.lsn - before.lsn) / ((now.at - before.at) / 1000)
  }
}
