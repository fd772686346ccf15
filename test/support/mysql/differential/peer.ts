/** What `@vlasky/zongji` makes of a database's changes, as it hands them over, by transaction. */
import type ZongJi from '@vlasky/zongji'
import type { AnyBinlogEvent, RowData, RowsEvent, UpdateRowData } from '@vlasky/zongji'
import { startZongji, stopZongji } from '../../peers/zongji-life.ts'
import { until } from '../../until.ts'

/** A row event's row, or what stands for rows that it says it cannot read. */
export type PeerOperation =
  | {
      readonly kind: 'insert' | 'update' | 'delete'
      readonly table: string
      readonly before: RowData | undefined
      readonly after: RowData | undefined
      /** Whether an image has the column of this place. */
      readonly sent: (image: 'before' | 'after', column: number) => boolean
    }
  | { readonly kind: 'payload' | 'partial' | 'misread' }

export interface PeerOptions {
  readonly url: string
  readonly database: string
  readonly without: readonly string[]
  readonly gtids: string
  readonly serverId: number
}

export class Peer implements AsyncDisposable {
  readonly transactions = new Map<string, PeerOperation[]>()
  readonly errors: string[] = []
  /** XA transactions whose rows came before they were decided. */
  undecided = 0
  /** By xid: the group that prepared it. */
  readonly #prepared = new Map<string, string>()
  /** The last group that was compressed. */
  #payload: string | undefined
  readonly #zongji: ZongJi

  constructor(options: PeerOptions) {
    this.#zongji = startZongji({
      ...options,
      handle: event => this.#take(event),
      failed: error => this.#fail(error),
    })
  }

  /** Until it has seen a transaction. */
  async reached(gtid: string): Promise<void> {
    await until(() => this.transactions.has(gtid), `zongji has reached ${gtid} (${this.errors.join('; ')})`, 60)
  }

  /** It passes over an event that it cannot read. */
  #fail({ name, message }: Error): void {
    this.errors.push(message)
    if (name === 'RangeError' || message.startsWith('JSON Type Not Implemented'))
      this.#add(this.#zongji.lastGtid ?? '', { kind: 'misread' })
  }

  #add(gtid: string, operation: PeerOperation): void {
    const operations = this.transactions.get(gtid)
    if (operations === undefined) this.transactions.set(gtid, [operation])
    else operations.push(operation)
  }

  #take(event: AnyBinlogEvent): void {
    const { gtid = '' } = event
    const add = (operation: PeerOperation): void => this.#add(gtid, operation)
    const type = event.getTypeName()
    if (type === 'Query') this.#query(gtid, (event as unknown as { readonly query: string }).query)
    if (type === 'TransactionPayload') {
      this.#payload = gtid
      add({ kind: 'payload' })
    }
    if (type === 'PartialUpdateRows') add({ kind: 'partial' })
    const kind = ROW_EVENTS[type]
    if (kind === undefined) return
    if (isMiscounted(event)) {
      add({ kind: 'misread' })
      return
    }
    const more = about(event)
    for (const row of rowsOf(event)) {
      const [before, after] = kind === 'insert' ? [undefined, row] : [row, undefined]
      if (kind === 'update') add({ kind, ...(row as UpdateRowData), ...more })
      else add({ kind, before: before as RowData | undefined, after: after as RowData | undefined, ...more })
    }
  }

  /** Puts the rows of an XA transaction where it was committed; those of one that was rolled back count for nothing. */
  #query(gtid: string, query: string): void {
    const [, action, xid] = /^XA (END|COMMIT|ROLLBACK) ([^ ]+)$/.exec(query) ?? []
    if (action === 'END') this.#prepared.set(xid!, gtid)
    if (xid === undefined || action === 'END') return
    // Of a compressed one its xid is not seen; the session that writes decides each before it begins the next.
    const from = this.#prepared.get(xid) ?? this.#payload
    if (from === undefined || from === gtid) return
    const operations = this.transactions.get(from)
    if (operations === undefined) return
    this.undecided++
    this.transactions.delete(from)
    if (action === 'COMMIT') this.transactions.set(gtid, operations)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopZongji(this.#zongji)
  }
}

const ROW_EVENTS: Readonly<Partial<Record<string, 'insert' | 'update' | 'delete'>>> = {
  WriteRows: 'insert',
  UpdateRows: 'update',
  DeleteRows: 'delete',
}

interface Bitmaps {
  readonly columns_present_bitmap: Buffer
  readonly columns_present_bitmap2?: Buffer
}

const rowsOf = (event: AnyBinlogEvent): readonly unknown[] => (event as unknown as { rows: unknown[] }).rows

/** It counts the bits behind those of the columns, too, and looks for as many NULLs. */
function isMiscounted(event: AnyBinlogEvent): boolean {
  const { columns_present_bitmap: first, columns_present_bitmap2: second } = event as unknown as Bitmaps
  const { numberOfColumns: columns } = event as RowsEvent
  const bytes = (bitmap: Buffer, bits: number): number => {
    let count = 0
    for (let i = 0; i < bits; i++) count += (bitmap[i >> 3]! >> (i & 7)) & 1
    return (count + 7) >> 3
  }
  return [first, second].some(
    bitmap => bitmap !== undefined && bytes(bitmap, columns) !== bytes(bitmap, 8 * bitmap.length),
  )
}

function about(event: AnyBinlogEvent) {
  const { tableMap, tableId } = event as RowsEvent
  const { columns_present_bitmap: first, columns_present_bitmap2: second } = event as unknown as Bitmaps
  return {
    table: tableMap[tableId]!.tableName,
    sent: (image: 'before' | 'after', column: number): boolean => {
      const bitmap = image === 'after' && second !== undefined ? second : first
      return ((bitmap[column >> 3]! >> (column & 7)) & 1) === 1
    },
  }
}
