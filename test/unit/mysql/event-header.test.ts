import { describe, expect, it } from '@jest/globals'
import { type Checksum, EventHeader, openEvent } from '../../../connectors/mysql/binlog/event-header.ts'
import { EventType } from '../../../connectors/mysql/binlog/event-types.ts'
import { parseFormatDescription } from '../../../connectors/mysql/binlog/format-description.ts'
import { event, formatDescription, rotate } from '../../support/mysql/binlog-events.ts'

function open(bytes: Buffer, checksum: Checksum = 'crc32', at = 0, end = bytes.length): EventHeader {
  const header = new EventHeader()
  openEvent(bytes, at, end, checksum, header)
  return header
}

const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

describe('an event header', () => {
  it('has time, type, server, position and flags, and what stands between it and the checksum', () => {
    const bytes = event(3, Buffer.from('body'), { time: 7, server: 0xffff_fffe, position: 0xffff_fff0, flags: 0x80a0 })
    expect(open(Buffer.concat([Buffer.alloc(5), bytes]), 'crc32', 5)).toMatchObject({
      time: 7,
      type: 3,
      server: 0xffff_fffe,
      position: 0xffff_fff0,
      flags: 0x80a0,
      at: 24,
      end: 28,
    })
    expect(open(event(3, Buffer.from('body'), { checksum: false }), 'none').end).toBe(23)
  })

  it('is refused when a bit of the event has changed, or its size is another', () => {
    const bytes = event(3, Buffer.from('body'))
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const other = Buffer.from(bytes)
      other[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => open(other)).toThrow(UNREADABLE)
    }
    expect(() => open(Buffer.concat([bytes, bytes]))).toThrow(UNREADABLE)
    for (let end = 0; end < bytes.length; end++) expect(() => open(bytes, 'crc32', 0, end)).toThrow(UNREADABLE)
  })

  it('finds out whether the ROTATE in front of FORMAT_DESCRIPTION has a checksum', () => {
    const name = 'binlog.000001'
    const size = 8 + name.length
    for (const checksum of [true, false]) {
      const header = open(rotate(name, 4n, { checksum, flags: 0x20 }), 'unknown')
      expect(header.end - header.at).toBe(size)
    }
  })

  it('verifies FORMAT_DESCRIPTION as it was when its file was not open, and only if it says that there are checksums', () => {
    const closed = formatDescription()
    const inUse = Buffer.from(closed)
    inUse[17]! |= 1
    for (const bytes of [closed, inUse]) {
      const { at, end, type } = open(bytes, 'unknown')
      expect(type).toBe(EventType.formatDescription)
      expect(parseFormatDescription(bytes, at, end)).toMatchObject({ checksum: 'crc32', flavor: 'mysql' })
    }
    const broken = Buffer.from(closed)
    broken[30]! ^= 1
    expect(() => open(broken, 'unknown')).toThrow(UNREADABLE)
    const without = formatDescription('10.11.18-MariaDB-log', 0)
    without.fill(0, without.length - 4)
    const { at, end } = open(without, 'unknown')
    expect(parseFormatDescription(without, at, end)).toMatchObject({
      checksum: 'none',
      flavor: 'mariadb',
      serverVersion: '10.11.18-MariaDB-log',
      postHeaderLengths: new Uint8Array(42).fill(1),
    })
  })
})
