import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Commands } from '../../../sinks/redis/commands.ts'
import { type Reply, ReplyReader, type ReplyTaker, TransactionTaker, ValueTaker } from '../../../sinks/redis/reply.ts'
import { ScriptedLog, tuple } from '../../support/scripted-log.ts'
import { items } from '../../support/sink-rig.ts'

/** The reply as a server writes it. */
function wire(reply: Reply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n')
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`)
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`)
  if (Buffer.isBuffer(reply)) return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from('\r\n')])
  if (Array.isArray(reply)) return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(wire)])
  return Buffer.from(`-${(reply as { error: string }).error}\r\n`)
}

/** Hands the bytes over in pieces of these sizes, again and again. */
function feed(bytes: Buffer, sizes: readonly number[], takers: readonly ReplyTaker[]): boolean {
  const reader = new ReplyReader(() => takers.find(taker => !taker.done))
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + sizes[i % sizes.length]!
    // The socket's buffer may be used again for what comes next.
    const piece = Buffer.from(bytes.subarray(at, end))
    if (!reader.push(piece)) return false
    piece.fill(0)
    at = end
  }
  return true
}

const line = fc.stringMatching(/^[A-Za-z0-9 ]{0,20}$/)
const { reply } = fc.letrec<{ reply: Reply }>(tie => ({
  reply: fc.oneof(
    { maxDepth: 3 },
    line,
    fc.integer(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes)),
    line.map(error => ({ error })),
    fc.array(tie('reply'), { maxLength: 4 }),
  ),
}))
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })

describe('replies', () => {
  it('are read whatever the pieces they come in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(reply, { minLength: 1, maxLength: 5 }), sizes, async (replies, pieces) => {
        const takers = replies.map(() => new ValueTaker())
        expect(feed(Buffer.concat(replies.map(wire)), pieces, takers)).toBe(true)
        expect(takers.every(taker => taker.done)).toBe(true)
        expect(await Promise.all(takers.map(({ promise }) => promise))).toEqual(replies)
      }),
      { numRuns: 300 },
    )
  })

  it('that nobody asked for, or that are none, end the reading', () => {
    expect(feed(Buffer.from('+OK\r\n+OK\r\n'), [3], [new ValueTaker()])).toBe(false)
    expect(feed(Buffer.from('HTTP/1.1 400 Bad Request\r\n'), [100], [new ValueTaker()])).toBe(false)
  })

  const transaction = async (commands: number, replies: readonly string[]): Promise<TransactionTaker> => {
    const taker = new TransactionTaker()
    taker.total(commands)
    const behind = new ValueTaker()
    for (const size of [1, 7, 1000]) {
      const [first, second] = size === 1 ? [taker, behind] : [new TransactionTaker(), new ValueTaker()]
      first.total(commands)
      feed(Buffer.from(`${replies.join('\r\n')}\r\n+behind\r\n`), [size], [first, second])
      await first.promise
      expect(await second.promise).toBe('behind')
    }
    return taker
  }

  it('to a transaction are counted, and the commands that failed are told', async () => {
    const taker = await transaction(3, [
      ...['+OK', '+QUEUED', '+QUEUED', '+QUEUED', '*3', ':1', '-WRONGTYPE Operation against', '+OK'],
    ])
    expect(taker).toMatchObject({ ran: true, refused: undefined })
    expect(taker.failed).toEqual([{ command: 1, error: 'WRONGTYPE Operation against' }])
  })

  it('to a transaction say when what was watched has changed, and why nothing ran', async () => {
    expect(await transaction(1, ['+OK', '+QUEUED', '*-1'])).toMatchObject({ ran: false, failed: [] })
    expect(await transaction(0, ['+OK', '*0'])).toMatchObject({ ran: true, failed: [] })
    const refused = ['+OK', '+QUEUED', '-OOM command not allowed', '-EXECABORT Transaction discarded']
    expect(await transaction(2, refused)).toMatchObject({ refused: 'OOM command not allowed' })
    expect(await transaction(1, ['+OK', '+QUEUED', '-EXECABORT because of: OOM x'])).toMatchObject({
      refused: 'EXECABORT because of: OOM x',
    })
  })
})

describe('commands', () => {
  it('are written as the server reads them, rows of every length among them', async () => {
    const commands = new Commands()
    const log = new ScriptedLog('aa')
    const lengths = [0, 1, 60, 69, 70, 71, 100, 970, 971, 9_000, 9_969, 9_970, 9_971, 70_000, 99_970, 3, 1_000_000, 5]
    for (const length of lengths) {
      const body = 'é'.repeat(length >> 1) + 'x'.repeat(length & 1)
      const batch = log.batch(writer => {
        writer.announce(items)
        writer.row('c', items, tuple(['1', body, null]))
      })
      commands.add('PING', 12, Buffer.from([0, 255]))
      commands.begin(3)
      commands.bulk('SET')
      commands.joined(Buffer.from('items:'), Buffer.from('é'))
      for (const change of batch) if (change.kind === 'c') expect(commands.row(change)).toBe(true)
      const taken = commands.take()
      const takers = [new ValueTaker(), new ValueTaker()]
      expect(feed(Buffer.from(taken), [taken.length], takers)).toBe(true)
      expect(await takers[0]!.promise).toEqual([Buffer.from('PING'), Buffer.from('12'), Buffer.from([0, 255])])
      const [, key, value] = (await takers[1]!.promise) as Buffer[]
      expect(String(key)).toBe('items:é')
      expect(JSON.parse(String(value))).toEqual({ id: 1, name: body, note: null })
    }
  })

  it('are taken back to where they were cut', () => {
    const commands = new Commands()
    commands.add('A')
    const { length } = commands
    commands.add('B', 'x'.repeat(100_000))
    commands.cut(length)
    commands.add('C')
    expect(commands.take().toString()).toBe('*1\r\n$1\r\nA\r\n*1\r\n$1\r\nC\r\n')
  })
})
