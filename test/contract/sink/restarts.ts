import { expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { ScriptedLog, table, tuple } from '../../support/scripted-log.ts'
import { apply, cursorOf, follow, rowsIn } from '../../support/sink-driver.ts'
import { surviveKills } from '../../support/sink-kill.ts'
import { items, never, type SinkRig, sinkContext } from '../../support/sink-rig.ts'

/** In full: `npm run test:full -- sink-kills`. */
const KILLS = 3

/** Cursors over restarts, crashes, restored and emptied targets. */
export function restartCases(rig: SinkRig): void {
  it('has no cursor before the first batch, then the last one', async () => {
    const sink = await rig.openSink()
    expect(await cursorOf(sink)).toBeUndefined()
    await follow(sink, rig.batches)
    expect(await cursorOf(sink)).toBe(rig.batches.at(-1)!.cursor)
  })

  it('takes the same batch again after it was aborted', async () => {
    rig.batches.push(
      rig.log.batch(writer => {
        for (let i = 0; i < 5000; i++) writer.row('r', items, tuple([`${i}`, `name ${i}`, null]))
      }),
    )
    const sink = await rig.openSink()
    await follow(sink, rig.batches.slice(0, 1))
    const abort = new AbortController()
    const reason = new Error('stopped by the test')
    const aborted = sink.write(rig.batches[1]!, abort.signal)
    abort.abort(reason)
    // A sink that was already done may say so; one that was not must reject with the reason.
    await aborted.catch(error => expect(error).toBe(reason))
    const again = await rig.reopen()
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  })

  it('goes on from its cursor when it is opened again', async () => {
    rig.batches.push(rig.put('1', 'one', null), rig.put('2', 'two', null))
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(rig.batches.at(-1)!.cursor)
    rig.batches.push(rig.put('1', 'changed', null))
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  })

  it('stores the cursor of rig.batches without changes before it closes', async () => {
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const empty = Array.from({ length: 5 }, () => rig.log.batch(() => {}))
    for (const batch of empty) await apply(sink, batch)
    expect(await cursorOf(sink)).toBe(empty.at(-1)!.cursor)
    expect(await cursorOf(await rig.reopen())).toBe(empty.at(-1)!.cursor)
  })

  it('has no cursor once its target was emptied while it was stopped', async () => {
    rig.batches.push(rig.put('1', 'one', null))
    await follow(await rig.openSink(), rig.batches)
    await rig.target[Symbol.asyncDispose]()
    await rig.place.empty()
    rig.target = await rig.place.open(sinkContext())
    const again = await rig.openSink()
    expect(await cursorOf(again)).toBeUndefined()
    await follow(again, rig.batches)
    await rig.expectEqual(again)
  })

  it('goes on from the cursor of an older copy that was put back', async () => {
    rig.batches.push(rig.put('1', 'one', null))
    await follow(await rig.openSink(), rig.batches)
    const old = rig.batches.at(-1)!.cursor
    await rig.target[Symbol.asyncDispose]()
    const restore = await rig.place.backup()
    rig.target = await rig.place.open(sinkContext())
    rig.batches.push(rig.put('2', 'two', null), rig.put('1', 'changed', null))
    await follow(await rig.openSink(), rig.batches)
    await rig.target[Symbol.asyncDispose]()
    await restore()
    rig.target = await rig.place.open(sinkContext())
    const restored = await rig.openSink()
    expect(await cursorOf(restored)).toBe(old)
    await follow(restored, rig.batches)
    await rig.expectEqual(restored)
  })

  it('forgets its rows when the log is another one', async () => {
    rig.batches.push(rig.put('1', 'of the first log', null))
    await follow(await rig.openSink(), rig.batches)
    await rig.target[Symbol.asyncDispose]()
    rig.target = await rig.place.open(sinkContext())
    const again = await rig.openSink('app', 'beef')
    expect(await cursorOf(again)).toBeUndefined()
    const newLog = new ScriptedLog('beef')
    const others = table(2, 'public.others', items.columns)
    await follow(again, [
      newLog.batch(writer => {
        writer.announce(others)
        writer.row('c', others, tuple(['5', 'of the second log', null]))
      }),
    ])
    expect((await rowsIn(again, items)).size).toBe(0)
    expect((await rowsIn(again, others)).size).toBe(1)
  })

  it('refuses to write once another opening has taken over', async () => {
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await using second = await rig.place.open(sinkContext())
    const other = await second.sink({ name: 'app', logId: '5c21' }, never)
    await expect(sink.write(rig.put('1', 'too late', null), never)).rejects.toMatchObject({ code: 'SINK_FENCED' })
    await expect(sink.truncate!(items, never)).rejects.toMatchObject({ code: 'SINK_FENCED' })
    expect((await rowsIn(other, items)).size).toBe(0)
  })

  it('ends equal after it was killed at random moments, and between the rows of a batch and its cursor', async () => {
    // A target may let in one process at a time.
    await rig.target[Symbol.asyncDispose]()
    expect(await surviveKills(rig.place, KILLS, new Random(20_240_229))).toBeGreaterThan(1)
    rig.target = await rig.place.open(sinkContext())
  })
}
