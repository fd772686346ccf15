import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type PacketHandler, PacketReader } from '../../../connectors/mysql/packets.ts'
import { packets } from '../../support/mysql/binlog-events.ts'

const LIMIT = 64 * 1024 * 1024

function handler(seen: string[], wait: () => boolean = () => false): PacketHandler {
  return (bytes, at, end) => {
    if (wait()) return false
    seen.push(bytes.toString('hex', at, end))
    return true
  }
}

/** Feeds `bytes` in reads of these sizes, through one buffer that is written again for each as a socket's is. */
function feed(framer: PacketReader, bytes: Buffer, sizes: readonly number[]): void {
  const buffer = Buffer.alloc(Math.max(...sizes))
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.min(sizes[i % sizes.length]!, bytes.length - at)
    bytes.copy(buffer, 0, at, at + size)
    let done = framer.feed(buffer, 0, size)
    while (!done) done = framer.resume()
    buffer.fill(0xee)
    at += size
  }
}

function stream(contents: readonly Uint8Array[]): Buffer {
  const all: Buffer[] = []
  for (const one of contents) all.push(...packets(Buffer.from(one), (1 + all.length) & 0xff))
  return Buffer.concat(all)
}

describe('packets of the server', () => {
  it('come out whole and in order, however the reads cut them and wherever the handler has to wait', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 300 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
        fc.func(fc.boolean()),
        (bodies, sizes, waits) => {
          const seen: string[] = []
          let calls = 0
          let waited = false
          const wait = (): boolean => (waited = !waited && waits(calls++))
          feed(new PacketReader(handler(seen, wait), LIMIT), stream(bodies), sizes)
          expect(seen).toEqual(bodies.map(body => Buffer.from(body).toString('hex')))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('are put together where they are of the longest kind, also where the last of them is empty', () => {
    for (const length of [0xff_ffff - 20, 0xff_ffff, 2 * 0xff_ffff]) {
      const large = Buffer.alloc(length, 0x61)
      const seen: number[] = []
      const reader = new PacketReader((bytes, at, end) => {
        seen.push(end - at === length ? bytes.compare(large, 0, length, at, end) : at - end)
        return true
      }, LIMIT)
      feed(reader, stream([large, Buffer.alloc(3)]), [1_000_000])
      expect(seen).toEqual([0, -3])
    }
  })

  it('beyond the largest size are refused before they are there', () => {
    const framer = new PacketReader(handler([]), 1000)
    const tooLarge = expect.objectContaining({ code: 'VALUE_TOO_LARGE' })
    expect(() => framer.feed(stream([Buffer.alloc(1001)]), 0, 4)).toThrow(tooLarge)
    const whole = stream([Buffer.alloc(1001)])
    expect(() => new PacketReader(handler([]), 1000).feed(whole, 0, whole.length)).toThrow(tooLarge)
  })

  it('are refused when one of them is missing', () => {
    const bytes = Buffer.concat(packets(Buffer.from([0]), 2))
    expect(() => new PacketReader(handler([]), LIMIT).feed(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({ code: 'SOURCE_PROTOCOL' }),
    )
  })

  it('are counted anew behind each command', () => {
    const seen: string[] = []
    const reader = new PacketReader(handler(seen), LIMIT)
    for (const content of ['first', 'second']) {
      reader.asked()
      feed(reader, stream([Buffer.from(content)]), [3])
    }
    expect(seen).toEqual(['first', 'second'].map(content => Buffer.from(content).toString('hex')))
  })
})
