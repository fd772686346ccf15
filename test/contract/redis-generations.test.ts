import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import redis from '../../sinks/redis.ts'
import { CutLine, type Fate } from '../support/cut-line.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { GenerationsRig, named } from '../support/redis-generations.ts'
import type { RedisOptions } from '../support/redis-place.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { column, table, tuple } from '../support/scripted-log.ts'
import { follow, rowsIn } from '../support/sink-driver.ts'
import { items, LOG_ID, never } from '../support/sink-rig.ts'

await describeRedis('generations of the redis sink', () => {
  let server: RedisServer
  let rig: GenerationsRig
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  afterEach(() => rig[Symbol.asyncDispose]())
  const use = async (options: RedisOptions = {}): Promise<void> => {
    rig = await GenerationsRig.begin(server, options)
  }

  /** Rows 1 and 2 live; in the next generation row 1 is gone, 2 is new, and there is a 3. */
  const built = async (options: RedisOptions = {}): Promise<void> => {
    await use(options)
    rig.put('old', 1, 3)
    await rig.catchUp()
    rig.remove(1, 2)
    rig.put('new', 2, 4)
    await rig.catchUp('next')
  }

  /** Does this once, when keys of the next generation are about to become live. */
  const meanwhile = (line: CutLine, work: () => Promise<unknown>): void => {
    let inStep = 0
    line.fate = async (): Promise<Fate> => {
      const step = await rig.text('HGET', '_tailrace:shop:copy~next:app', 'step')
      // The first transaction of the step takes the rows over.
      if (step === 'rest' && ++inStep === 2) await work()
      return 'runs'
    }
  }

  describe.each(['json', 'hash'] as const)('as %s', value => {
    it('lie beside each other, and none takes the keys of another for its own', async () => {
      await built({ value })
      expect(await rig.contents()).toEqual(named('old', 1, 3))
      expect(await rig.contents('next')).toEqual(named('new', 2, 4))
      expect(await rig.rows()).toEqual(['copy:app', 'copy~next:app'])
      await rig.with(undefined, async live => {
        expect([...(await rowsIn(live, items)).values()].map(({ name }) => name)).toEqual(['old', 'old'])
        await live.truncate!(items, never)
      })
      expect(await rig.contents()).toEqual({})
      expect(await rig.contents('next')).toEqual(named('new', 2, 4))
      await rig.catchUp()
      await rig.with('next', async next => {
        expect((await rowsIn(next, items)).size).toBe(2)
        await next.truncate!(items, never)
      })
      expect(await rig.contents('next')).toEqual({})
    })

    it('become live and previous, with their cursors', async () => {
      await built({ value })
      const [live, next] = [await rig.cursor(), await rig.cursor('next')]
      await rig.swap()
      expect(await rig.contents()).toEqual(named('new', 2, 4))
      expect(await rig.contents('previous')).toEqual(named('old', 1, 3))
      expect(await rig.contents('next')).toEqual({})
      expect(await rig.rows()).toEqual(['copy:app', 'copy~previous:app'])
      expect([await rig.cursor(), await rig.cursor('previous')]).toEqual([next, live])
      await rig.swap()
      expect(await rig.contents()).toEqual(named('new', 2, 4))
      // And back, in the place of what is being built.
      await rig.catchUp('next')
      expect(await rig.recall()).toBe(true)
      expect(await rig.contents('next')).toEqual(named('old', 1, 3))
      expect(await rig.contents('previous')).toEqual({})
      expect(await rig.recall()).toBe(false)
      expect(await rig.cursor('next')).toBe(live)
      await rig.swap()
      expect(await rig.contents()).toEqual(named('old', 1, 3))
      expect(await rig.contents('previous')).toEqual(named('new', 2, 4))
      await rig.drop('previous')
      expect(await rig.rows()).toEqual(['copy:app'])
      expect(await rig.contents('previous')).toEqual({})
      await rig.catchUp()
      expect(await rig.contents()).toEqual(named('new', 2, 4))
    })
  })

  it('do nothing where there is none', async () => {
    await use()
    rig.put('old', 1, 3)
    await rig.catchUp()
    await rig.swap()
    await rig.drop('next')
    await rig.drop('previous')
    expect(await rig.recall()).toBe(false)
    expect(await rig.contents()).toEqual(named('old', 1, 3))
    expect(await rig.rows()).toEqual(['copy:app'])
  })

  it('replace a live one whose row was lost, and what it left behind', async () => {
    await built()
    await rig.text('DEL', '_tailrace:shop:copy:app')
    await rig.text('SREM', '_tailrace', '_tailrace:shop:copy:app')
    await rig.text('SET', '_tailrace_previous_public.items:7', 'from who knows when')
    await rig.swap()
    expect(await rig.contents()).toEqual(named('new', 2, 4))
    expect(await rig.rows()).toEqual(['copy:app'])
    expect(await rig.recall()).toBe(false)
    await rig.destroy()
    expect(await rig.text('KEYS', '*')).toBe('_tailrace_previous_public.items:7')
  })

  it('replace one whose keys and values look otherwise', async () => {
    await built()
    const { cursor } = rig.batches.at(-1)!
    const later = GenerationsRig.over(rig, { value: 'hash', name: '{table}' })
    await later.catchUp('next')
    await later.swap()
    expect((await rig.text('KEYS', '*'))!.split('\n').sort()).toEqual([
      '_tailrace',
      '_tailrace:shop:copy:app',
      '_tailrace:shop:copy~previous:app',
      '_tailrace_previous_public.items:1',
      '_tailrace_previous_public.items:2',
      'items:2',
      'items:3',
    ])
    expect(await later.cursor()).toBe(cursor)
    await later.destroy()
    expect(await rig.text('DBSIZE')).toBe('0')
  })

  it('keep when a key is to go, and miss one that has gone', async () => {
    await use({ ttl: '1h' })
    rig.put('old', 1, 5)
    await rig.catchUp()
    rig.put('new', 1, 5)
    await rig.catchUp('next')
    for (const key of ['public.items:1', '_tailrace_next_public.items:2']) await rig.text('PEXPIRE', key, '500000')
    await using line = await CutLine.to(server.port)
    // They go between the look and the transaction that renames them.
    meanwhile(line, () => rig.text('DEL', 'public.items:3', '_tailrace_next_public.items:4'))
    await rig.swap(line.url(1))
    expect(await rig.contents()).toEqual(named('new', 1, 4))
    const { 'public.items:3': _, ...rest } = named('old', 1, 5)
    expect(await rig.contents('previous')).toEqual(rest)
    const left = async (key: string): Promise<number> => Number(await rig.text('PTTL', key))
    expect(await left('_tailrace_previous_public.items:1')).toBeLessThanOrEqual(500_000)
    expect(await left('public.items:1')).toBeGreaterThan(500_000)
    expect(await left('public.items:2')).toBeLessThanOrEqual(500_000)
    expect(await left('public.items:2')).toBeGreaterThan(0)
  })

  it('move with all their sources and tables', async () => {
    await use()
    const notes = table(2, 'public.notes', items.columns)
    const other = table(3, 'public.other', items.columns, { source: 'other', name: 'other.public.other' })
    const fill = (of: typeof items): Parameters<typeof rig.log.batch>[0] => {
      return writer => {
        writer.announce(of)
        for (const id of ['1', '2']) writer.row('u', of, tuple([id, of.table, null]))
      }
    }
    const [itemRows, noteRows, otherRows] = [items, notes, other].map(of => rig.log.batch(fill(of)))
    await rig.with(undefined, sink => follow(sink, [itemRows!]))
    await rig.with(undefined, sink => follow(sink, [otherRows!]), 'other')
    await rig.with('next', sink => follow(sink, [noteRows!]))
    await rig.with('next', sink => follow(sink, [otherRows!]), 'fresh')
    await rig.swap()
    expect(Object.keys(await rig.contents()).sort()).toEqual(
      ['notes:1', 'notes:2', 'other:1', 'other:2'].map(key => `public.${key}`),
    )
    expect(Object.keys(await rig.contents('previous')).sort()).toEqual(
      ['items:1', 'items:2', 'other:1', 'other:2'].map(key => `public.${key}`),
    )
    expect(await rig.rows()).toEqual(['copy:app', 'copy:fresh', 'copy~previous:app', 'copy~previous:other'])
    await rig.destroy()
    expect(await rig.text('DBSIZE')).toBe('0')
  })

  it('do not mix with the keys of another sink, whatever generation those are', async () => {
    await built()
    const foreign = redis.config.parse({ url: server.url(1), name: '{schema}.{table}' })
    const collision = { code: 'NAME_COLLISION', recovery: 'stop' }
    for (const generation of [{}, { generation: 'next' as const }]) {
      await using target = await redis.open(foreign, { ...rig.context, name: 'second', ...generation })
      const second = await target.sink({ name: 'app', logId: LOG_ID }, never)
      await expect(second.write(rig.batches.at(-1)!, never)).rejects.toMatchObject(collision)
    }
    const apart = redis.config.parse({ url: server.url(1), name: 'b:{table}' })
    const context = { ...rig.context, name: 'third' }
    await using target = await redis.open(apart, { ...context, generation: 'next' })
    await follow(await target.sink({ name: 'app', logId: LOG_ID }, never), rig.batches)
    await rig.swap()
    expect(await rig.text('GET', '_tailrace_next_b:items:2')).not.toBeNull()
    await redis.generations!.swap(apart, context, never)
    expect(await rig.text('GET', 'b:items:2')).not.toBeNull()
    expect(await rig.contents('previous')).toEqual(named('old', 1, 3))
  })

  it('fence a process that still writes', async () => {
    await built()
    for (const [generation, code] of [
      [undefined, 'SINK_FENCED'],
      ['next', 'SINK_RESTORED'],
    ] as const)
      await rig.with(generation, async sink => {
        await rig.swap()
        await expect(sink.write(rig.batches.at(-1)!, never)).rejects.toMatchObject({ code })
        await rig.catchUp('next')
      })
    await rig.swap()
    await rig.catchUp('next')
    // A writer that comes while keys are on their way stops the swap.
    await using line = await CutLine.to(server.port)
    meanwhile(line, () => rig.text('HINCRBY', '_tailrace:shop:copy:app', 'epoch', '1'))
    await expect(rig.swap(line.url(1))).rejects.toMatchObject({ code: 'SINK_FENCED' })
    await rig.swap()
    expect(await rig.contents()).toEqual(named('new', 2, 4))
  })

  it('need their rights before anything moves', async () => {
    await built()
    const rights = 'on >secret ~* +@all -rename'
    await rig.text('ACL', 'SETUSER', 'stiff', 'reset', ...rights.split(' '))
    const before = await rig.text('KEYS', '*')
    const refused = { code: 'SINK_AUTH', recovery: 'stop' }
    await expect(rig.swap(server.url(1, 'stiff:secret@'))).rejects.toMatchObject(refused)
    expect(await rig.text('KEYS', '*')).toBe(before)
    expect(await rig.text('HGET', '_tailrace:shop:copy~next:app', 'step')).toBeNull()
  })

  it('are refused where the application fills the keys', async () => {
    await use()
    const refusal = (mode: 'set' | 'invalidate'): string | undefined =>
      redis.generations!.refusal!(redis.config.parse({ url: server.url(1), mode }))
    expect(refusal('set')).toBeUndefined()
    expect(refusal('invalidate')).toContain('application')
  })

  it('are removed with what is told apart by nothing but its table', async () => {
    await built()
    const columns = [column('id', 'int64'), column('name', 'text')]
    const hidden = table(9, 'public.x', columns, { schema: '_tailrace_next_public', table: 'items' })
    const batch = rig.log.batch(writer => {
      writer.announce(hidden)
      writer.row('u', hidden, tuple(['2', 'a table of that name']))
    })
    rig.batches.push(batch)
    await rig.catchUp()
    expect(await rig.text('GET', '%5Ftailrace_next_public.items:2')).toBe('{"id":2,"name":"a table of that name"}')
    await rig.drop('next')
    expect(await rig.text('GET', '%5Ftailrace_next_public.items:2')).not.toBeNull()
  })
})
