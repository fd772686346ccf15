import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type Feed, UnitStream } from '../../../connectors/common/unit-stream.ts'
import type { Batch, Position } from '../../../runtime/contract.ts'
import { table, told, tuple } from '../../support/records.ts'

/** A position as MySQL has them: not a number, and not compared by identity. */
interface Spot {
  readonly file: number
  readonly at: number
}

const spot = (at: number): Spot => ({ file: 1, at })
const positions = {
  isBefore: (a: Spot, b: Spot): boolean => a.file < b.file || (a.file === b.file && a.at < b.at),
  format: ({ file, at }: Spot): Position => `${file}:${at}` as Position,
}

class FakeFeed implements Feed<Spot> {
  position: Spot
  inTransaction = false
  resumed = 0
  hastened = false
  acknowledgements = 0
  closed = false

  constructor(position: Spot) {
    this.position = position
  }

  resume(): void {
    this.resumed++
  }
  hasten(on: boolean): void {
    this.hastened = on
  }
  acknowledged(): void {
    this.acknowledgements++
  }
  async close(): Promise<void> {
    this.closed = true
  }
}

const notes = table('notes')
/** Longer than a change takes to get through, shorter than a heartbeat is held back. */
const SOON_MS = 100
const MB = 1024 * 1024

describe('a stream of units', () => {
  let stream: UnitStream<Spot>
  let feed: FakeFeed
  let units: AsyncGenerator<Batch>
  let stop: AbortController

  function open(announce?: readonly (typeof notes)[]): void {
    stream = new UnitStream({ positions, from: spot(10), tables: [notes], announce, identity: { system: 'x' } })
    feed = new FakeFeed(spot(10))
    stop = new AbortController()
    units = stream.batches(async () => feed, stop.signal)
  }
  beforeEach(() => open())
  afterEach(async () => {
    stop.abort()
    await units.return(undefined)
  })

  function begin(id: string): void {
    feed.inTransaction = true
    stream.writer.begin(id, id, 0n)
  }
  function commit(at: number): void {
    stream.writer.commit()
    feed.inTransaction = false
    feed.position = spot(at)
  }
  function transaction(at: number, ...ids: string[]): void {
    begin(String(at))
    for (const id of ids) stream.writer.row('c', notes, tuple(id, 'x'))
    commit(at)
  }
  const next = async (): Promise<Batch> => (await units.next()).value as Batch
  const positionOf = ({ end }: Batch): string | undefined => (end?.lane === 'stream' ? end.position : undefined)
  const isSoon = (batch: Promise<Batch>): Promise<boolean> =>
    Promise.race([batch.then(() => true), pause(SOON_MS).then(() => false)])

  it('groups the transactions that came since the last unit, and stores the identity with the first', async () => {
    const first = next()
    await pause(0)
    transaction(20, '1')
    transaction(30, '2')
    expect(stream.arrived()).toBe(true)
    const unit = await first
    expect(told(unit)).toHaveLength(2)
    expect(unit.end).toEqual({ lane: 'stream', position: '1:30', identity: { system: 'x' } })
    transaction(40, '3')
    stream.arrived()
    expect((await next()).end).toEqual({ lane: 'stream', position: '1:40' })
  })

  it('ends a unit where the last whole transaction ended, not inside the one that is open', async () => {
    const first = next()
    await pause(0)
    transaction(20, '1')
    begin('30')
    stream.writer.row('c', notes, tuple('2', 'x'))
    stream.arrived()
    const unit = await first
    expect([told(unit).length, positionOf(unit)]).toEqual([1, '1:20'])
    const second = next()
    expect(await isSoon(second)).toBe(false)
    commit(30)
    stream.arrived()
    expect([told(await second).length, positionOf(await second)]).toEqual([1, '1:30'])
  })

  it('announces new tables in a unit of their own before the feed is opened', async () => {
    open([notes])
    const unit = await next()
    expect([Array.from(unit, ({ kind }) => kind), positionOf(unit)]).toEqual([['s'], '1:10'])
    expect(unit.end).toHaveProperty('identity')
    open([])
    expect(positionOf(await next())).toBe('1:10')
  })

  it('hands a large transaction over in parts, and reads on only when a part was taken', async () => {
    const first = next()
    await pause(0)
    begin('20')
    stream.writer.row('c', notes, tuple('1', 'x'.repeat(4 * MB)))
    expect(stream.arrived()).toBe(false)
    expect(feed.resumed).toBe(0)
    expect((await first).end).toBeUndefined()
    expect(feed.resumed).toBe(1)
    commit(20)
    stream.arrived()
    expect(positionOf(await next())).toBe('1:20')
  })

  it('tells of idle log once a second, and not inside a transaction', async () => {
    const first = next()
    await pause(0)
    const began = performance.now()
    feed.position = spot(20)
    stream.arrived()
    expect(await isSoon(first)).toBe(false)
    feed.position = spot(30)
    stream.arrived()
    expect([told(await first), positionOf(await first)]).toEqual([[], '1:30'])
    expect(performance.now() - began).toBeGreaterThan(800)
    const second = next()
    feed.inTransaction = true
    feed.position = spot(40)
    await pause(1100)
    stream.arrived()
    expect(await isSoon(second)).toBe(false)
    feed.inTransaction = false
    stream.arrived()
    expect(positionOf(await second)).toBe('1:40')
  })

  it('does not hold a heartbeat back from one who waits for the position, whom the feed hurries for', async () => {
    stream.hasten(spot(30), stop.signal)
    const first = next()
    await pause(0)
    expect(feed.hastened).toBe(true)
    feed.position = spot(20)
    stream.arrived()
    expect(positionOf(await first)).toBe('1:20')
    expect(feed.hastened).toBe(true)
    const second = next()
    feed.position = spot(30)
    stream.arrived()
    expect(positionOf(await second)).toBe('1:30')
    expect(feed.hastened).toBe(false)
    stream.hasten(spot(30), stop.signal)
    expect(feed.hastened).toBe(false)
  })

  it('hurries no more when nobody waits any more', async () => {
    const first = next()
    await pause(0)
    const waits = new AbortController()
    stream.hasten(spot(99), waits.signal)
    expect(feed.hastened).toBe(true)
    waits.abort()
    expect(feed.hastened).toBe(false)
    transaction(20, '1')
    stream.arrived()
    await first
  })

  it('has nothing durable before a first unit is, and tells the feed only of what is further', async () => {
    expect(stream.durable).toEqual(spot(10))
    open([])
    expect(stream.durable).toBeUndefined()
    await next()
    const second = next()
    await pause(0)
    stream.ack(spot(10))
    stream.ack(spot(10))
    stream.ack(spot(5))
    expect([stream.durable, feed.acknowledgements]).toEqual([spot(10), 1])
    transaction(20, '1')
    stream.arrived()
    await second
  })

  it('hands over what is whole before it fails as the feed did, and closes the feed', async () => {
    const first = next()
    await pause(0)
    transaction(20, '1')
    begin('30')
    stream.writer.row('c', notes, tuple('2', 'x'.repeat(5 * MB)))
    stream.ended(new Error('cut'))
    expect(positionOf(await first)).toBe('1:20')
    expect(feed.closed).toBe(false)
    await expect(next()).rejects.toThrow('cut')
    expect(feed.closed).toBe(true)
  })

  it('ends with the reason of its signal, and closes the feed', async () => {
    const first = next()
    await pause(0)
    stop.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    expect(feed.closed).toBe(true)
  })
})
