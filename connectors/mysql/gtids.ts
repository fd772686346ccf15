import type { GtidEvent } from './binlog/gtid-event.ts'
import type { MariadbGtidEvent } from './binlog/mariadb-gtid.ts'
import type { DumpFrom } from './dump.ts'
import { type MariadbGtidState, parseGtidState } from './gtid/mariadb-state.ts'
import { encodeGtidSet } from './gtid/mysql-encoding.ts'
import { type MysqlGtidSet, parseGtidSet } from './gtid/mysql-set.ts'
import type { BinlogPosition } from './position.ts'

/** What has been executed up to where the stream stands, as GTIDs of either family, or nothing where there are none. */
export interface ExecutedGtids {
  readonly text: string | undefined
  /** The group that an event began has ended: it counts. */
  add(): void
}

export class MysqlExecuted implements ExecutedGtids {
  readonly #set: MysqlGtidSet
  #open: { readonly tsid: string; readonly number: bigint } | undefined

  constructor(text: string) {
    this.#set = parseGtidSet(text)
  }

  get text(): string {
    return this.#set.format()
  }

  /** Answers its name. */
  begin({ uuid, tag, number }: GtidEvent): string {
    const tsid = tag === '' ? uuid : `${uuid}:${tag}`
    this.#open = { tsid, number }
    return `${tsid}:${number}`
  }

  add(): void {
    if (this.#open !== undefined) this.#set.add(this.#open.tsid, this.#open.number)
    this.#open = undefined
  }
}

export class MariadbExecuted implements ExecutedGtids {
  readonly #state: MariadbGtidState
  #open: MariadbGtidEvent | undefined

  constructor(text: string) {
    this.#state = parseGtidState(text)
  }

  get text(): string {
    return this.#state.format()
  }

  /** Answers its name. */
  begin(gtid: MariadbGtidEvent): string {
    this.#open = gtid
    return `${gtid.domain}-${gtid.server}-${gtid.sequence}`
  }

  add(): void {
    const open = this.#open
    if (open !== undefined) this.#state.add(open.domain, open.server, open.sequence)
    this.#open = undefined
  }
}

/** Where the server is to begin. `isSameServer`: the position is in its own files. */
export function dumpFrom({ flavor, gtids, file, offset }: BinlogPosition, isSameServer: boolean): DumpFrom {
  if (flavor === 'mysql' && gtids !== undefined)
    return { kind: 'mysql-gtids', executed: encodeGtidSet(parseGtidSet(gtids)) }
  if (flavor === 'mariadb' && gtids !== undefined && !isSameServer)
    return { kind: 'mariadb-state', state: parseGtidState(gtids).formatNewest() }
  return { kind: 'file', file, at: Number(offset) }
}
