import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { EventFramer, type EventHandler } from '../../../connectors/mysql/binlog/event-framer.ts'
import { event, packets } from '../../support/mysql/binlog-events.ts'

const LIMIT = 64 * 1024 * 1024
const OK = Buffer.from([0])

function handler(seen: string[], wait: () => boolean = () => false): EventHandler {
  return {
    event(bytes, at, end) {
      if (wait()) return false
      seen.push(bytes.toString('hex', at, end))
      return true
    },
    failed: (bytes, at, end) => void seen.push(`failed ${bytes.toString('latin1', at, end)}`),
    ended: () => void seen.push('ended'),
  }
}

/** Feeds `bytes` in reads of these sizes, through one buffer that is written again for each as a socket's is. */
function feed(framer: EventFramer, bytes: Buffer, sizes: readonly number[]): void {
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

function stream(events: readonly Uint8Array[]): Buffer {
  const all: Buffer[] = []
  for (const one of events) all.push(...packets(Buffer.concat([OK, one]), (1 + all.length) & 0xff))
  return Buffer.concat(all)
}

describe('events of the server', () => {
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
          feed(new EventFramer(handler(seen, wait), LIMIT), stream(bodies), sizes)
          expect(seen).toEqual(bodies.map(body => Buffer.from(body).toString('hex')))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('are put together from packets of the longest kind, also where the last of them is empty', () => {
    for (const length of [0xff_ffff - 20, 2 * 0xff_ffff - 21]) {
      const one = event(30, Buffer.alloc(length, 0x61), { checksum: false })
      const seen: number[] = []
      const framer = new EventFramer(
        {
          event(bytes, at, end) {
            seen.push(bytes.compare(one, 0, one.length, at, end))
            return true
          },
          failed: () => seen.push(-2),
          ended: () => void seen.push(-3),
        },
        LIMIT,
      )
      const small = event(3, Buffer.alloc(0))
      const all = stream([one])
      feed(
        framer,
        Buffer.concat([all, ...packets(Buffer.concat([OK, small]), 1 + Math.ceil((one.length + 2) / 0xff_ffff))]),
        [1_000_000],
      )
      expect(seen[0]).toBe(0)
      expect(seen).toHaveLength(2)
    }
  })

  it('beyond the largest size are refused before they are there', () => {
    const framer = new EventFramer(handler([]), 1000)
    const tooLarge = expect.objectContaining({ code: 'VALUE_TOO_LARGE' })
    expect(() => framer.feed(stream([Buffer.alloc(1001)]), 0, 4)).toThrow(tooLarge)
    const whole = stream([Buffer.alloc(1001)])
    expect(() => new EventFramer(handler([]), 1000).feed(whole, 0, whole.length)).toThrow(tooLarge)
  })

  it('end with an error or an end, which say so', () => {
    const seen: string[] = []
    const framer = new EventFramer(handler(seen), LIMIT)
    feed(
      framer,
      Buffer.concat([
        ...packets(Buffer.from('\xff\x10\x04gone', 'latin1'), 1),
        ...packets(Buffer.from([0xfe, 0, 0]), 2),
      ]),
      [3],
    )
    expect(seen).toEqual(['failed \x10\x04gone', 'ended'])
  })

  it('are refused when a packet is missing, or is none of an event', () => {
    const refuse = (bytes: Buffer, code: string): void =>
      expect(() => new EventFramer(handler([]), LIMIT).feed(bytes, 0, bytes.length)).toThrow(
        expect.objectContaining({ code }),
      )
    refuse(Buffer.concat(packets(OK, 2)), 'SOURCE_PROTOCOL')
    refuse(Buffer.concat(packets(Buffer.alloc(0), 1)), 'SOURCE_PROTOCOL')
    refuse(Buffer.concat(packets(Buffer.from([7, 7]), 1)), 'BINLOG_UNREADABLE')
  })
})
