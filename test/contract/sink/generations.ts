import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import type { LogBatch } from '../../../runtime/contract.ts'
import type { GenerationRig } from '../../support/generation-rig.ts'
import { ScriptedLog, table, tuple } from '../../support/scripted-log.ts'
import { apply, cursorOf, follow, rowsIn } from '../../support/sink-driver.ts'
import { items, never, sinkContext } from '../../support/sink-rig.ts'

/** Generations beside the live one, and their swap. */
export function generationCases(rig: GenerationRig): void {
  it('a generation is built beside the live one, which keeps its rows', async () => {
    const old = [rig.put('1 old', '2 old')]
    const live = await rig.build(undefined, old)
    const built = [rig.put('1 new'), rig.put('3 new')]
    const next = await rig.build('next', built)
    expect(names(await rowsIn(live, items))).toEqual(['1 old', '2 old'])
    expect(names(await rowsIn(next, items))).toEqual(['1 new', '3 new'])
    await apply(live, rig.put('2 later'))
    await next.truncate!(items, never)
    expect(await rig.seen()).toEqual(['1 old', '2 later'])
    expect(await cursorOf(await rig.sink('next'))).toBe(built[1]!.cursor)
  })

  it('a swap shows the new rows and moves the cursors with them', async () => {
    await rig.build(undefined, [rig.put('1 old', '2 old')])
    const built = [rig.put('1 new', '2 new')]
    await rig.build('next', built)
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 new', '2 new'])
    const live = await rig.sink()
    expect(await cursorOf(live)).toBe(built[0]!.cursor)
    await apply(live, rig.put('2 later'))
    expect(names(await rowsIn(live, items))).toEqual(['1 new', '2 later'])
    expect(await cursorOf(await rig.sink('next'))).toBeUndefined()
    expect(await rig.seen()).toEqual(['1 new', '2 later'])
  })

  it('a first generation becomes live where there was none', async () => {
    await rig.build('next', [rig.put('1 new')])
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 new'])
    expect(await rig.recall()).toBe(false)
  })

  it('what was live before is kept, and can be called back', async () => {
    const log: LogBatch[] = [rig.put('1 old', '2 old')]
    await rig.build(undefined, log)
    const later = rig.put('2 new')
    await rig.build('next', [...log, later])
    await rig.swap()
    expect(names(await rowsIn(await rig.sink('previous'), items))).toEqual(['1 old', '2 old'])
    expect(await rig.recall()).toBe(true)
    expect(await rig.recall()).toBe(false)
    expect(await rig.seen()).toEqual(['1 old', '2 new'])
    const called = await rig.sink('next')
    expect(await cursorOf(called)).toBe(log[0]!.cursor)
    await follow(called, [rig.announced, ...log, later, rig.put('3 newest')])
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 old', '2 new', '3 newest'])
  })

  it('takes the place of an older one, called back or not', async () => {
    for (const name of ['first', 'second', 'third']) {
      await rig.build('next', [rig.put(`1 ${name}`)])
      await rig.swap()
    }
    await rig.build('next', [rig.put('1 begun')])
    expect(await rig.recall()).toBe(true)
    expect(names(await rowsIn(await rig.sink('next'), items))).toEqual(['1 second'])
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 second'])
    expect(names(await rowsIn(await rig.sink('previous'), items))).toEqual(['1 third'])
  })

  it('rows deleted meanwhile are not in the new one', async () => {
    const log = [rig.put('1 a', '2 b', '3 c')]
    const live = await rig.build(undefined, log)
    await rig.build('next', log)
    const gone = rig.log.batch(writer => writer.delete(items, tuple(['2', undefined, undefined]), false))
    await apply(live, gone)
    await apply(await rig.sink('next'), gone)
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 a', '3 c'])
    expect(names(await rowsIn(await rig.sink(), items))).toEqual(['1 a', '3 c'])
  })

  it('a table that one of them has only comes and goes with it', async () => {
    const former = table(2, 'public.former', items.columns)
    const fresh = table(3, 'public.fresh', items.columns)
    const announce = (of: typeof items): LogBatch => rig.log.batch(writer => writer.announce(of))
    await rig.build(undefined, [rig.put('1 old'), announce(former), rig.putIn(former, '1 former')])
    await rig.build('next', [rig.put('1 new'), announce(fresh), rig.putIn(fresh, '1 fresh')])
    await rig.swap()
    const live = await rig.sink()
    expect(names(await rowsIn(live, former))).toEqual([])
    expect(names(await rowsIn(live, fresh))).toEqual(['1 fresh'])
    const previous = await rig.sink('previous')
    expect(names(await rowsIn(previous, former))).toEqual(['1 former'])
    expect(names(await rowsIn(previous, fresh))).toEqual([])
  })

  it('a swap repeated after it was done changes nothing', async () => {
    await rig.swap()
    await rig.build(undefined, [rig.put('1 old')])
    await rig.build('next', [rig.put('1 new')])
    await rig.swap()
    await rig.swap()
    await rig.inProcess('swap')
    expect(await rig.seen()).toEqual(['1 new'])
    expect(names(await rowsIn(await rig.sink('previous'), items))).toEqual(['1 old'])
  })

  it('a swap killed in the middle is undone or done', async () => {
    for (const [i, point] of rig.place.generations!.crashPoints.entries()) {
      const [before, after] = [`1 state${i}`, `1 state${i + 1}`]
      if (i === 0) await rig.build(undefined, [rig.put(before)])
      const built = rig.put(after)
      await rig.build('next', [built])
      expect([point, await rig.inProcess('swap', point)]).toEqual([point, true])
      const [shown] = names(await rowsIn(await rig.sink(), items))
      expect([before, after]).toContain(shown)
      const beside = await rig.sink(shown === before ? 'next' : 'previous')
      expect(names(await rowsIn(beside, items))).toEqual([shown === before ? after : before])
      await rig.inProcess('swap')
      expect(await rig.seen()).toEqual([after])
      expect(await cursorOf(await rig.sink())).toBe(built.cursor)
    }
  })

  it('a process that still writes is fenced', async () => {
    await rig.build(undefined, [rig.put('1 old')])
    await rig.close()
    {
      await using target = await rig.place.open(sinkContext())
      const live = await target.sink({ name: 'app', logId: rig.log.id }, never)
      await rig.build('next', [rig.put('1 new')])
      await rig.swap()
      await expect(live.write(rig.put('1 late'), never)).rejects.toMatchObject({ code: 'SINK_FENCED' })
      await expect(live.truncate!(items, never)).rejects.toMatchObject({ code: 'SINK_FENCED' })
    }
    expect(await rig.seen()).toEqual(['1 new'])
  })

  it('a generation that is dropped leaves the live one as it is, and can be built anew', async () => {
    await rig.drop('next')
    await rig.build(undefined, [rig.put('1 old')])
    await rig.build('next', [rig.put('1 begun', '2 begun')])
    await rig.drop('next')
    await rig.drop('previous')
    expect(await rig.seen()).toEqual(['1 old'])
    await rig.swap()
    const next = await rig.build('next', [rig.put('1 new')])
    expect(names(await rowsIn(next, items))).toEqual(['1 new'])
    await rig.swap()
    expect(await rig.seen()).toEqual(['1 new'])
    await rig.drop('previous')
    expect(await rig.recall()).toBe(false)
  })

  it('what is removed is gone, all generations of it', async () => {
    await rig.build('next', [rig.put('1 old')])
    await rig.swap()
    await rig.build('next', [rig.put('1 live')])
    await rig.swap()
    await rig.build('next', [rig.put('1 next')])
    expect((await rig.destroy()).length).toBeGreaterThan(0)
    expect(await rig.recall()).toBe(false)
    for (const generation of [undefined, 'next', 'previous'] as const) {
      const sink = await rig.sink(generation)
      expect(await cursorOf(sink)).toBeUndefined()
      expect(names(await rowsIn(sink, items))).toEqual([])
    }
  })

  it('two sources in one sink are swapped together', async () => {
    const others = table(1, 'public.items', items.columns, { source: 'other' })
    const second = new ScriptedLog('beef')
    const batch = (name: string): LogBatch =>
      second.batch(writer => {
        writer.announce(others)
        writer.row('u', others, tuple(['1', name, null]))
      })
    const states = [
      [undefined, 'old'],
      ['next', 'new'],
    ] as const
    let last: LogBatch | undefined
    for (const [generation, name] of states) {
      await rig.build(generation, [rig.put(`1 ${name}`)])
      last = batch(name)
      await follow(await rig.sink(generation, 'other', 'beef'), [last])
    }
    await rig.swap({ sources: ['app'] })
    expect(await rig.seen()).toEqual(['1 new'])
    const live = await rig.sink(undefined, 'other', 'beef')
    expect(await cursorOf(live)).toBe(last!.cursor)
    expect(names(await rowsIn(live, others))).toEqual(['1 new'])
    expect(names(await rowsIn(await rig.sink('previous', 'other', 'beef'), others))).toEqual(['1 old'])
  })

  it('a reader that polls through a swap never sees fewer rows or an older version of one', async () => {
    const log: LogBatch[] = [rig.announced]
    const write = (): LogBatch => {
      const version = String(log.length).padStart(6, '0')
      const batch = rig.put(...Array.from({ length: ROWS }, (_, i) => `${i} ${version}`))
      log.push(batch)
      return batch
    }
    for (let i = 0; i < 5; i++) write()
    await follow(await rig.sink(), log)
    await rig.close()
    await using client = await rig.client()
    let isDone = false
    const polling = poll(
      () => client.read(),
      () => isDone,
    )
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const live = await rig.sink()
        const next = await rig.sink('next')
        for (let i = 0; i < 10; i++) {
          await apply(live, write())
          await nextTurn()
        }
        await follow(next, log)
        await rig.inProcess('swap')
        await follow(await rig.sink(), [...log, write()])
        // Back to what was live before, as far behind as it is.
        await rig.inProcess('recall')
        await follow(await rig.sink('next'), log)
        await rig.inProcess('swap')
      }
    } finally {
      isDone = true
    }
    const { polls, newest } = await polling
    expect(polls).toBeGreaterThan(20)
    expect(newest).toBe(String(log.length - 1).padStart(6, '0'))
  })
}

const ROWS = 50
const ROUNDS = 2

/** Reads as fast as it can, once more when it is done. Throws at the first read that has less than one before. */
async function poll(
  read: () => Promise<ReadonlyMap<string, string>>,
  isDone: () => boolean,
): Promise<{ polls: number; newest: string | undefined }> {
  let seen: ReadonlyMap<string, string> = new Map()
  for (let polls = 1; ; polls++) {
    const isLast = isDone()
    const now = await read()
    for (const [id, version] of seen)
      if (!((now.get(id) ?? '') >= version)) throw new Error(`row ${id} was ${version} and is ${now.get(id)}`)
    seen = now
    if (isLast) return { polls, newest: seen.get('0') }
    await nextTurn()
  }
}

/** Rows of `items` as `id name`. */
function names(rows: ReadonlyMap<string, Record<string, string | null>>): string[] {
  return [...rows.values()].map(({ id, name }) => `${id} ${name}`).sort()
}
