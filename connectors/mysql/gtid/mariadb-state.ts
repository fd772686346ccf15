import { unreadableGtids } from './gtid-error.ts'

interface Domain {
  /** Of each server that wrote in the domain, its newest number. */
  readonly servers: Map<number, bigint>
  /** The server that wrote last. */
  latest: number
}

/**
 * Up to where MariaDB's transactions have come: in each domain, of each server, the newest sequence number, and which
 * server wrote last. The numbers of a domain grow, whoever writes
 * (https://mariadb.com/docs/server/ha-and-performance/standard-replication/gtid).
 */
export class MariadbGtidState {
  readonly #domains = new Map<number, Domain>()

  get isEmpty(): boolean {
    return this.#domains.size === 0
  }

  /** The newest transaction of its domain. */
  add(domain: number, server: number, sequence: bigint): void {
    const known = this.#domains.get(domain)
    if (known === undefined) {
      this.#domains.set(domain, { servers: new Map([[server, sequence]]), latest: server })
      return
    }
    known.servers.set(server, sequence)
    known.latest = server
  }

  /**
   * Whether the transaction lies at or before the state. Of a server that the state does not know, the domain's newest
   * number decides; of one that it knows, its own: what that server wrote alone, before another took over, is not in it.
   */
  contains(domain: number, server: number, sequence: bigint): boolean {
    const known = this.#domains.get(domain)
    if (known === undefined) return false
    return (known.servers.get(server) ?? known.servers.get(known.latest)!) >= sequence
  }

  includes(other: MariadbGtidState): boolean {
    for (const [domain, { servers }] of other.#domains)
      for (const [server, sequence] of servers) if (!this.contains(domain, server, sequence)) return false
    return true
  }

  equals(other: MariadbGtidState): boolean {
    return this.format() === other.format()
  }

  /** All of it, as in `gtid_binlog_state`: domains in order, in each the server that wrote last as the last. */
  format(): string {
    return this.#formatBy(({ servers, latest }) => [
      ...[...servers.keys()].filter(server => server !== latest).sort((a, b) => a - b),
      latest,
    ])
  }

  /** The newest transaction of each domain: what a replica names to go on behind it (`slave_connect_state`). */
  formatNewest(): string {
    return this.#formatBy(({ latest }) => [latest])
  }

  #formatBy(choose: (domain: Domain) => readonly number[]): string {
    return [...this.#domains]
      .sort(([a], [b]) => a - b)
      .flatMap(([id, domain]) => choose(domain).map(server => `${id}-${server}-${domain.servers.get(server)!}`))
      .join(',')
  }
}

const GTID = /^\s*(0|[1-9]\d{0,9})-(0|[1-9]\d{0,9})-(0|[1-9]\d{0,19})\s*$/
const MAX_ID = 0xffff_ffff
const MAX_SEQUENCE = 0xffff_ffff_ffff_ffffn

/** Reads `0-7-25,1-8-3`: `gtid_binlog_pos` as well as `gtid_binlog_state`. Throws GTID_UNREADABLE. */
export function parseGtidState(text: string): MariadbGtidState {
  const state = new MariadbGtidState()
  if (text.trim() === '') return state
  for (const part of text.split(',')) {
    const match = GTID.exec(part)
    if (match === null) throw unreadableGtids('A list of GTIDs')
    const domain = Number(match[1])
    const server = Number(match[2])
    const sequence = BigInt(match[3]!)
    if (domain > MAX_ID || server > MAX_ID || sequence > MAX_SEQUENCE) throw unreadableGtids('A list of GTIDs')
    state.add(domain, server, sequence)
  }
  return state
}
