import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import { payloadEvents } from '../../../connectors/mysql/binlog/payload-events.ts'
import { parseTransactionPayload } from '../../../connectors/mysql/binlog/transaction-payload.ts'
import { event, field, packed } from '../../support/mysql/binlog-events.ts'

const LARGEST = 3_000_000
const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

function body(payload: Uint8Array, compression: number, size?: number): Buffer {
  const uncompressed = size === undefined ? [] : [field(3, packed(size))]
  const head = [field(2, packed(compression)), ...uncompressed, field(77, Buffer.from('new'))]
  return Buffer.concat([...head, field(1, packed(payload.length)), packed(0), payload])
}

async function events(bytes: Buffer, largest = LARGEST): Promise<string[]> {
  const payload = parseTransactionPayload(bytes, 0, bytes.length)
  const told: string[] = []
  for await (const { bytes: run, at, end } of payloadEvents(bytes, payload, largest))
    for (let from = at; from < end; ) {
      const size = run.readUInt32LE(from + 9)
      told.push(`${run[from + 4]} ${size} ${run[from + size - 1]}`)
      from += size
    }
  return told
}

const plain = (type: number, length: number, fill: number): Buffer =>
  event(type, Buffer.alloc(length, fill), { checksum: false })

describe('a compressed transaction', () => {
  const small = [plain(2, 5, 1), plain(30, 200, 2), plain(16, 8, 3)]
  const tell = (all: readonly Buffer[]): string[] => all.map(one => `${one[4]} ${one.length} ${one[one.length - 1]}`)

  it('gives its events, with zstd and without', async () => {
    const content = Buffer.concat(small)
    expect(await events(body(content, 255))).toEqual(tell(small))
    expect(await events(body(zstdCompressSync(content), 0, content.length))).toEqual(tell(small))
    expect(await events(body(zstdCompressSync(content), 0))).toEqual(tell(small))
  })

  it('is decompressed piece by piece when it is large, wherever the pieces cut its events', async () => {
    const sizes = [10, 262_000, 100, 2_900_000, 0, 262_125, 262_144, 3, 1_000_000, 524_288, 7]
    const all = [...sizes, ...sizes].map((size, i) => plain(30, size, i))
    const content = Buffer.concat(all)
    expect(await events(body(zstdCompressSync(content), 0, content.length))).toEqual(tell(all))
  })

  it('is refused when it is cut, broken, or has an event beyond the largest size', async () => {
    const large = Buffer.concat([plain(30, 2_000_000, 1), ...small])
    for (const content of [Buffer.concat(small), large]) {
      const zstd = zstdCompressSync(content)
      const broken = Buffer.from(zstd)
      broken.fill(0xff, 8, 30)
      await expect(events(body(broken, 0, content.length))).rejects.toEqual(UNREADABLE)
      await expect(events(body(zstd.subarray(0, zstd.length - 5), 0, content.length))).rejects.toEqual(UNREADABLE)
      const cut = content.subarray(0, content.length - 3)
      await expect(events(body(zstdCompressSync(cut), 0, cut.length))).rejects.toEqual(UNREADABLE)
      await expect(events(body(zstd, 0, content.length), 100)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' })
    }
    // It says that it is small, and is not.
    await expect(events(body(zstdCompressSync(large), 0, 10))).rejects.toEqual(UNREADABLE)
    await expect(events(body(Buffer.alloc(5), 7))).rejects.toEqual(UNREADABLE)
    const whole = body(Buffer.concat(small), 255)
    for (let end = 0; end < whole.length; end++)
      expect(() => parseTransactionPayload(whole, 0, end)).toThrow(UNREADABLE)
  })
})
