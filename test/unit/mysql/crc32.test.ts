import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import { Crc32 } from '../../../connectors/mysql/binlog/crc32.ts'

describe('the checksum of events', () => {
  it('is that of zlib, of any length and at any place', () => {
    const crc = new Crc32()
    const bytes = randomBytes(1200)
    const other = randomBytes(64)
    for (let length = 0; length <= 1100; length++) {
      const at = length % 37
      expect(crc.of(bytes, at, at + length)).toBe(crc32(bytes.subarray(at, at + length)))
      expect(crc.of(other, 3, 20)).toBe(crc32(other.subarray(3, 20)))
    }
  })
})
