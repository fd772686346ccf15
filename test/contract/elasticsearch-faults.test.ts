import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type Fate, FaultyProxy } from '../support/faulty-proxy.ts'
import { column, table, tuple } from '../support/scripted-log.ts'
import { SearchPlace } from '../support/search/search-place.ts'
import { describeEachSearch } from '../support/search/search-suite.ts'
import { cursorOf, follow, rowsIn } from '../support/sink-driver.ts'
import { items, never, SinkRig } from '../support/sink-rig.ts'

await describeEachSearch(server => {
  let proxy: FaultyProxy
  let rig: SinkRig
  beforeEach(async () => {
    proxy = await FaultyProxy.to(server().url, ({ url }) => url!.startsWith('/_bulk'))
    rig = new SinkRig()
    await rig.begin(await SearchPlace.make(server(), { url: proxy.url }))
  })
  afterEach(async () => {
    proxy.fate = () => 'passes'
    await rig.end()
    await proxy[Symbol.asyncDispose]()
  })

  const rowCount = 40
  const many = (name: string): void => {
    rig.batches.push(
      rig.log.batch(writer => {
        for (let i = 0; i < rowCount; i++) writer.row('u', items, tuple([String(i), `${name} ${i}`, null]))
      }),
    )
  }

  it('an item that the server has no room for is sent again, and only that one', async () => {
    const sink = await rig.openSink()
    many('first')
    proxy.fate = bulk => (bulk < 4 ? item => (item % 2 === 1 || bulk === 1 ? 429 : undefined) : 'passes')
    await follow(sink, rig.batches)
    expect(proxy.counted).toBe(4)
    await rig.expectEqual(sink)
    expect(await cursorOf(sink)).toBe(rig.batches.at(-1)!.cursor)
  })

  it.each<[string, Fate, string]>([
    ['a request is lost on its way', 'lost', 'SINK_UNREACHABLE'],
    ['its answer is lost, though it was applied', 'unanswered', 'SINK_UNREACHABLE'],
    ['the server answers 503', 503, 'SINK_UNREACHABLE'],
    ['the server answers 502 of a proxy', 502, 'SINK_UNREACHABLE'],
    ['the login is refused', 401, 'SINK_AUTH'],
    ['some items fail with 500', item => (item % 3 === 0 ? 500 : undefined), 'SINK_UNREACHABLE'],
  ])('%s: the cursor stays, and the batch comes again', async (_, fate, code) => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    many('second')
    const before = await cursorOf(sink)
    proxy.fate = () => fate
    await expect(sink.write(rig.batches.at(-1)!, never)).rejects.toMatchObject({ code })
    expect(await cursorOf(sink)).toBe(before)
    proxy.fate = () => 'passes'
    const again = await rig.reopen()
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  })

  it('a request that is too large for the way is split by whoever sends it', async () => {
    const sink = await rig.openSink()
    many('first')
    proxy.fate = () => 413
    const large = sink.write(rig.batches.at(-1)!, never)
    await expect(large).rejects.toMatchObject({ code: 'SINK_BATCH_TOO_LARGE', recovery: 'retry' })
    await expect(sink.write(rig.put('1', 'alone', null), never)).resolves.toMatchObject({
      rejected: [{ index: 0, reason: expect.stringContaining('larger than the server takes') }],
    })
  })

  it('a row that the server refuses is named without its values, and the others are in', async () => {
    const odd = table(9, 'public.odd', [
      column('id', 'int64'),
      column('flag', { kind: 'boolean' }),
      column('n', 'text'),
    ])
    const batch = rig.log.batch(writer => {
      writer.announce(odd)
      writer.row('c', odd, tuple(['1', 't', 'a']))
      writer.row('c', odd, tuple(['2', 'secret-canary', 'b']))
      writer.row('c', odd, tuple(['3', 'f', 'c']))
    })
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const before = await cursorOf(sink)
    const { rejected } = await sink.write(batch, never)
    expect(rejected).toEqual([{ index: 2, reason: expect.stringContaining('in field "flag"') }])
    expect(rejected[0]!.reason).not.toContain('secret-canary')
    expect(await cursorOf(sink)).toBe(before)
    expect(await sink.write(batch, never, new Set([2]))).toEqual({ rejected: [] })
    expect([...(await rowsIn(sink, odd)).values()].map(({ id }) => id).sort()).toEqual(['1', '3'])
  })

  it('an index that is removed while it is written to is not made again by that, and the sink is built anew', async () => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    await server().ask('DELETE', '/app-public-items~*?expand_wildcards=all')
    const late = rig.put('1', 'later', null)
    await expect(sink.write(late, never)).rejects.toMatchObject({ code: 'SINK_RESTORED', recovery: 'retry' })
    rig.batches.push(late)
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBeUndefined()
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  })

  it('a cursor that is removed while rows are written is noticed, and the sink is built anew', async () => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    await server().ask('DELETE', '/tailrace-state')
    const late = rig.put('1', 'later', null)
    await expect(sink.write(late, never)).rejects.toMatchObject({ code: 'SINK_RESTORED', recovery: 'retry' })
  })

  it('a predecessor’s late write changes nothing that a later one has written', async () => {
    const sink = await rig.openSink()
    many('first')
    const late = rig.put('1', 'late', null)
    rig.batches.push(rig.put('1', 'newest', null))
    await follow(sink, rig.batches)
    const [index] = Object.keys((await server().ask('GET', '/_alias/app-public-items')) as object)
    let version = 0n
    for (const change of late) ({ version } = change)
    const item = { index: { _id: '1', version: Number(version), version_type: 'external_gte' } }
    const lines = [item, { id: 1, name: 'late' }].map(line => `${JSON.stringify(line)}\n`).join('')
    const answer = await fetch(`${server().url}/${index}/_bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines,
    })
    expect(await answer.json()).toMatchObject({ items: [{ index: { status: 409 } }] })
    await rig.expectEqual(sink)
  })

  it('a name that somebody else has is not taken', async () => {
    await server().ask('PUT', '/app-public-items', {})
    const sink = await rig.openSink()
    await expect(follow(sink, rig.batches)).rejects.toMatchObject({ code: 'NAME_COLLISION', recovery: 'stop' })
    await server().ask('DELETE', '/app-public-items')
    await server().ask('PUT', '/of-others', { aliases: { 'app-public-items': {} } })
    await expect(follow(sink, rig.batches)).rejects.toMatchObject({ code: 'NAME_COLLISION', recovery: 'stop' })
  })

  it('a server that was killed is written to again once it is back, and nothing is missing', async () => {
    const sink = await rig.openSink()
    many('first')
    await follow(sink, rig.batches)
    await server().kill()
    const late = rig.put('1', 'later', null)
    await expect(sink.write(late, never)).rejects.toMatchObject({ code: 'SINK_UNREACHABLE', recovery: 'retry' })
    await server().start()
    rig.batches.push(late)
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(rig.batches.at(-2)!.cursor)
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  }, 120_000)
})
