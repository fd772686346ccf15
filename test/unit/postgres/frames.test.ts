import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { FrameReader } from '../../../connectors/postgres/frames.ts'
import { frame } from '../../support/pgoutput.ts'

const LIMIT = 1_000_000

/** Feeds `bytes` in reads of these sizes, through one buffer that is written again for each as a socket's is. */
function feed(reader: FrameReader, bytes: Buffer, sizes: readonly number[], waited: () => void): void {
  const buffer = Buffer.alloc(Math.max(...sizes))
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.min(sizes[i % sizes.length]!, bytes.length - at)
    bytes.copy(buffer, 0, at, at + size)
    let done = reader.feed(buffer, 0, size)
    while (!done) {
      waited()
      done = reader.resume()
    }
    buffer.fill(0xff)
    at += size
  }
}

describe('messages of the server', () => {
  it('come out whole and in order, however the reads cut them and wherever the handler has to wait', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
        fc.func(fc.boolean()),
        (bodies, sizes, waits) => {
          const seen: string[] = []
          let calls = 0
          let waiting = false
          const reader = new FrameReader((type, bytes, at, end) => {
            if (!waiting && waits(calls++)) {
              waiting = true
              return false
            }
            waiting = false
            seen.push(String.fromCharCode(type) + bytes.toString('hex', at, end))
            return true
          }, LIMIT)
          feed(reader, Buffer.concat(bodies.map(body => frame('d', body))), sizes, () => {})
          expect(seen).toEqual(bodies.map(body => `d${Buffer.from(body).toString('hex')}`))
        },
      ),
    )
  })

  it('larger than a read are assembled once, and larger than the limit are refused', () => {
    let length = 0
    const reader = new FrameReader((_type, _bytes, at, end) => {
      length = end - at
      return true
    }, LIMIT)
    feed(reader, frame('d', Buffer.alloc(LIMIT - 4)), [64 * 1024], () => {})
    expect(length).toBe(LIMIT - 4)
    expect(() => reader.feed(frame('d', Buffer.alloc(LIMIT)), 0, 5)).toThrow(
      expect.objectContaining({ code: 'VALUE_TOO_LARGE', recovery: 'stop' }),
    )
  })

  it('of impossible length are refused', () => {
    const reader = new FrameReader(() => true, LIMIT)
    expect(() => reader.feed(Buffer.from([0x64, 0, 0, 0, 3]), 0, 5)).toThrow(
      expect.objectContaining({ code: 'SOURCE_PROTOCOL' }),
    )
  })
})
