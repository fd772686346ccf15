import { describe, expect, it } from '@jest/globals'
import { type ControlEvent, parseControlEvent } from '../../../connectors/mysql/binlog/control-event.ts'
import { EventHeader, openEvent } from '../../../connectors/mysql/binlog/event-header.ts'
import { EventType } from '../../../connectors/mysql/binlog/event-types.ts'
import { formatXid } from '../../../connectors/mysql/binlog/xid.ts'
import {
  compressed,
  event,
  field,
  type HeaderFields,
  packed,
  query,
  queryBody,
  rotate,
  sized,
  u8,
  u16,
  u32,
  u64,
  uint,
} from '../../support/mysql/binlog-events.ts'

function read(bytes: Buffer, limit = 1000): ControlEvent {
  const header = new EventHeader()
  openEvent(bytes, 0, bytes.length, 'crc32', header)
  return parseControlEvent(bytes, header, limit)
}

const of = (type: number, parts: readonly Buffer[], fields?: HeaderFields): ControlEvent =>
  read(event(type, Buffer.concat(parts), fields))

const UUID = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
const UUID_TEXT = '00112233-4455-6677-8899-aabbccddeeff'
const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

describe('positions', () => {
  it('are those of ROTATE and of both heartbeats', () => {
    expect(read(rotate('b.000002', 2n ** 40n))).toEqual({
      kind: 'rotate',
      next: { file: 'b.000002', position: 2n ** 40n },
    })
    expect(of(EventType.heartbeat, [Buffer.from('b.1')], { position: 77 })).toEqual({
      kind: 'heartbeat',
      sent: { file: 'b.1', position: 77n },
    })
    const fields = [field(1, Buffer.from('b.1')), field(9, Buffer.from('new')), field(2, packed(2n ** 33n)), packed(0)]
    expect(of(EventType.heartbeatV2, fields)).toEqual({ kind: 'heartbeat', sent: { file: 'b.1', position: 2n ** 33n } })
  })
})

describe('a statement', () => {
  it('has what decides how it is read', () => {
    const status = Buffer.concat([
      ...[u8(0), u32(0x400_0000), u8(1), u64(2n ** 63n), u8(6), sized('std'), u8(3), u16(1), u16(2)],
      ...[u8(4), u16(255), u16(46), u16(8), u8(5), sized('SYSTEM'), u8(7), u16(1), u8(8), u16(9), u8(9), u64(1)],
      ...[u8(11), sized('root'), sized('host'), u8(12), u8(2), Buffer.from('a\0b\0'), u8(13), uint(999_999, 3)],
      ...[u8(16), u8(1), u8(17), u64(7n), u8(18), u16(255), u8(19), u8(0), u8(20), u8(1), u8(21), u8(1)],
      ...[u8(99), u8(4)],
    ])
    expect(read(query('shop', 'CREATE TABLE t (i INT)', status))).toMatchObject({
      kind: 'query',
      query: {
        thread: 9,
        errorCode: 0,
        database: 'shop',
        text: Buffer.from('CREATE TABLE t (i INT)'),
        status: {
          flags2: 0x400_0000,
          sqlMode: 2n ** 63n,
          clientCollation: 255,
          connectionCollation: 46,
          serverCollation: 8,
          timeZone: 'SYSTEM',
          databaseCollation: 9,
          microseconds: 999_999,
          ddlXid: 7n,
          utf8mb4Collation: 255,
        },
      },
    })
  })

  it('of MariaDB has its own variables, and is decompressed within the limit', () => {
    const status = Buffer.concat([u8(128), uint(5, 3), u8(129), u64(8n), u8(130), u8(4), u64(35n)])
    const body = queryBody('', compressed(Buffer.from('ALTER TABLE t ADD c INT')), status)
    const bytes = event(EventType.queryCompressed, body)
    expect(read(bytes)).toMatchObject({
      kind: 'query',
      query: {
        text: Buffer.from('ALTER TABLE t ADD c INT'),
        status: { microseconds: 5, ddlXid: 8n, extraFlags: 4, startAlterSequence: 35n },
      },
    })
    expect(() => read(bytes, 22)).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }))
  })
})

describe('the beginning of a transaction', () => {
  const gtid = [u8(1), UUID, u64(12n), u8(2), u64(3n), u64(4n)]

  it('says its GTID, and as much else as the server knows', () => {
    const times = [uint((1n << 55n) | 1_700_000_000_000_001n, 7), uint(1_600_000_000_000_002n, 7)]
    const versions = [u32(0x8000_0000 + 90_704), u32(80_046)]
    expect(of(EventType.gtid, [...gtid, ...times, packed(70_000), ...versions, u64(9n)])).toEqual({
      kind: 'gtid',
      gtid: {
        uuid: UUID_TEXT,
        tag: '',
        number: 12n,
        mayHaveStatements: true,
        lastCommitted: 3n,
        sequenceNumber: 4n,
        immediateCommit: 1_700_000_000_000_001n,
        originalCommit: 1_600_000_000_000_002n,
        transactionLength: 70_000n,
        immediateServer: 90_704,
        originalServer: 80_046,
      },
    })
    expect(of(EventType.gtid, gtid.slice(0, 3))).toMatchObject({ gtid: { number: 12n, lastCommitted: undefined } })
    expect(of(EventType.anonymousGtid, [u8(0), Buffer.alloc(16), u64(0n), ...gtid.slice(3)])).toMatchObject({
      kind: 'anonymousGtid',
      gtid: { number: 0n, mayHaveStatements: false },
    })
  })

  /** Small numbers take one byte, twice their value; those below 2^14 take two. */
  const small = (value: number): Buffer => (value < 128 ? u8(value << 1) : u16((value << 2) | 1))

  it('with a tag is a message of fields', () => {
    const content = [
      ...[small(0), small(1), small(1), ...Array.from(UUID, small), small(2), small(24), small(3), small(5)],
      ...[Buffer.from('tag_a'), small(4), small(6), small(5), small(8), small(6), u8(0xff), u64(2n ** 63n)],
      ...[small(8), small(1000), small(9), uint((90_704 << 3) | 3, 3)],
    ]
    const size = Buffer.concat(content).length + 3
    expect(of(EventType.gtidTagged, [small(1), small(size), small(0), ...content])).toEqual({
      kind: 'gtid',
      gtid: {
        uuid: UUID_TEXT,
        tag: 'tag_a',
        number: 12n,
        mayHaveStatements: true,
        lastCommitted: 3n,
        sequenceNumber: 4n,
        immediateCommit: 2n ** 63n,
        originalCommit: 2n ** 63n,
        transactionLength: 1000n,
        immediateServer: 90_704,
        originalServer: 90_704,
      },
    })
    const withNew = [...content, small(60), small(1)]
    expect(of(EventType.gtidTagged, [small(1), small(size + 2), small(0), ...withNew])).toMatchObject({ kind: 'gtid' })
    expect(() => of(EventType.gtidTagged, [small(1), small(size + 2), small(61), ...withNew])).toThrow(UNREADABLE)
  })

  it('of MariaDB says what kind it is', () => {
    const body = [u64(5n), u32(3)]
    expect(of(EventType.mariadbGtid, [...body, u8(0x29), uint(0, 6)], { server: 8 })).toMatchObject({
      gtid: { domain: 3, server: 8, sequence: 5n, isStandalone: true, isTransactional: false, isDdl: true },
    })
    const xa = [u8(0x46), u64(77n), u32(1), u8(1), u8(2), Buffer.from('gbb')]
    const prepared = of(EventType.mariadbGtid, [...body, ...xa])
    expect(prepared).toMatchObject({ gtid: { commitId: 77n, isTransactional: true, completed: undefined } })
    expect(prepared.kind === 'mariadbGtid' && formatXid(prepared.gtid.prepared!)).toBe("X'67',X'6262',1")
    expect(of(EventType.mariadbGtid, [...body, u8(0x21), u8(8), u64(4n)])).toMatchObject({
      gtid: { alter: 'rollback', startAlterSequence: 4n },
    })
  })
})

describe('sets of GTIDs', () => {
  it('are those that a server has written, with tags or without', () => {
    const uuid = 'fb5b7041775411f1a067e69d25af13b4'
    const range = (behind: string): string => `01000000000000000100000000000000${behind}00000000000000`
    // As MySQL 8.4.8 writes the set UUID:1-5:tag_a:1.
    const tagged = `0102000000000001${uuid}00${range('06')}${uuid}0a7461675f61${range('02')}`
    const text = 'fb5b7041-7754-11f1-a067-e69d25af13b4'
    expect(of(EventType.previousGtids, [Buffer.from(tagged, 'hex')])).toEqual({
      kind: 'previousGtids',
      sets: [
        { uuid: text, tag: '', ranges: [[1n, 5n]] },
        { uuid: text, tag: 'tag_a', ranges: [[1n, 1n]] },
      ],
    })
    const plain = Buffer.from(`0100000000000000${uuid}${range('06')}`, 'hex')
    expect(of(EventType.previousGtids, [plain])).toMatchObject({ sets: [{ tag: '', ranges: [[1n, 5n]] }] })
    expect(() => of(EventType.previousGtids, [plain, u8(0)])).toThrow(UNREADABLE)
    expect(() => of(EventType.previousGtids, [u64(2n ** 55n), plain.subarray(8)])).toThrow(UNREADABLE)
    expect(of(EventType.gtidList, [u32(0x1000_0001), u32(2), u32(7), u64(9n)])).toEqual({
      kind: 'gtidList',
      gtids: [{ domain: 2, server: 7, sequence: 9n }],
    })
  })
})

describe('other events', () => {
  it('are read by name', () => {
    expect(of(EventType.xid, [u64(2n ** 63n)])).toEqual({ kind: 'xid', xid: 2n ** 63n })
    const xa = [u8(1), u32(1), u32(1), u32(0), Buffer.from('g')]
    expect(of(EventType.xaPrepare, xa)).toMatchObject({ prepare: { isOnePhase: true, xid: { format: 1 } } })
    expect(() => of(EventType.xaPrepare, [u8(1), u32(1), u32(65), u32(0), Buffer.alloc(65)])).toThrow(UNREADABLE)
    expect(of(EventType.rowsQuery, [u8(3), Buffer.from('INSERT')])).toMatchObject({ text: Buffer.from('INSERT') })
    expect(of(EventType.annotateRows, [Buffer.from('INSERT')])).toMatchObject({ text: Buffer.from('INSERT') })
    expect(of(EventType.incident, [u16(1), sized('lost')])).toEqual({
      kind: 'incident',
      incident: { number: 1, message: 'lost' },
    })
    expect(of(EventType.intvar, [u8(2), u64(4n)])).toMatchObject({ intvar: { variable: 2, value: 4n } })
    expect(of(EventType.rand, [u64(1n), u64(2n)])).toMatchObject({ rand: { seed1: 1n, seed2: 2n } })
    const variable = [u32(1), Buffer.from('u'), u8(0), u8(0), u32(33), u32(2), Buffer.from('vv'), u8(0)]
    expect(of(EventType.userVar, variable)).toMatchObject({ variable: { name: 'u', value: Buffer.from('vv') } })
    expect(of(EventType.userVar, [u32(1), Buffer.from('u'), u8(1)])).toMatchObject({ variable: { value: undefined } })
    expect(of(EventType.binlogCheckpoint, [u32(3), Buffer.from('b.1')])).toMatchObject({ file: 'b.1' })
    const context = [u8(4), u32(5), u8(1), u32(0), u32(0), u32(0), Buffer.from('uuid')]
    expect(of(EventType.transactionContext, context)).toMatchObject({ transaction: { serverUuid: 'uuid', thread: 5 } })
    const view = Buffer.alloc(40)
    view.write('1:2')
    expect(of(EventType.viewChange, [view, u64(6n), u32(0)])).toMatchObject({ change: { view: '1:2', sequence: 6n } })
    expect(of(EventType.stop, [])).toEqual({ kind: 'stop' })
  })

  it('of an unknown type stop the source, unless they may be passed over', () => {
    expect(() => of(172, [])).toThrow(
      expect.objectContaining({ code: 'BINLOG_UNREADABLE', message: expect.stringContaining('unknown type 172') }),
    )
    expect(of(43, [Buffer.alloc(30)], { flags: 0x80 })).toEqual({ kind: 'passedOver' })
  })

  it('of an encrypted log do so as well, unless the server has decrypted it', () => {
    const body = [u8(1), u32(1), Buffer.alloc(12)]
    expect(() => of(EventType.startEncryption, body)).toThrow(expect.objectContaining({ code: 'BINLOG_ENCRYPTED' }))
    expect(of(EventType.startEncryption, body, { flags: 0x80 })).toEqual({ kind: 'passedOver' })
  })
})
