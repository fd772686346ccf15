import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { CutLine, type Fate } from '../support/cut-line.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { GenerationsRig, named } from '../support/redis-generations.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { never } from '../support/sink-rig.ts'

/** More than fit a page. */
const KEYS = 1100
const GONE = 100
const MORE = 200
const OLD = named('old', 0, KEYS)
const NEW = named('new', GONE, KEYS + MORE)
const BUSY = { code: 'TARGET_BUSY', recovery: 'retry' }
const CUT = { code: 'SINK_UNREACHABLE', recovery: 'retry' }

await describeRedis('generations of the redis sink, cut off between any two steps', () => {
  let server: RedisServer
  let line: CutLine
  let rig: GenerationsRig
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    line = await CutLine.to(server.port)
  })
  afterEach(async () => {
    await line[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  /** `OLD` is live, `NEW` next, and something else was before them. */
  const build = async (value: 'json' | 'hash'): Promise<void> => {
    rig = await GenerationsRig.begin(server, { value })
    rig.put('oldest', 0, 50)
    for (const generation of [undefined, 'next'] as const) await rig.catchUp(generation)
    await rig.swap()
    rig.put('old', 0, KEYS)
    await rig.catchUp()
    rig.remove(0, GONE)
    rig.put('new', GONE, KEYS + MORE)
    await rig.catchUp('next')
  }

  /** Cuts the work off at its first transaction, at the second, and so on; answers how many it has. */
  const cutEverywhere = async (
    fate: Fate,
    value: 'json' | 'hash',
    work: (url: string) => Promise<unknown>,
    then: (cut: number) => Promise<void>,
    before: () => Promise<unknown> = async () => {},
  ): Promise<number> => {
    for (let cut = 1; ; cut++) {
      await build(value)
      await before()
      line.transactions = 0
      line.fate = transaction => (transaction === cut ? fate : 'runs')
      const outcome = await work(line.url(1)).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (outcome === undefined) {
        expect(line.transactions).toBe(cut - 1)
        return cut - 1
      }
      expect(outcome).toMatchObject(CUT)
      await then(cut)
    }
  }

  const isMoving = async (): Promise<boolean> =>
    (await rig.text('HGET', '_tailrace:shop:copy~next:app', 'step')) !== null

  const expectSwapped = async (): Promise<void> => {
    expect(await rig.contents()).toEqual(NEW)
    expect(await rig.contents('previous')).toEqual(OLD)
    expect(await rig.contents('next')).toEqual({})
    expect(await rig.rows()).toEqual(['copy:app', 'copy~previous:app'])
    expect(await rig.cursor()).toBe(rig.batches.at(-1)!.cursor)
    expect(await rig.cursor('previous')).toBe(rig.batches.at(-3)!.cursor)
  }

  describe.each(['json', 'hash'] as const)('as %s', value => {
    it.each(['lost', 'unanswered'] as const)(
      'end right when they are swapped again, or the live one is opened; transactions are %s',
      async fate => {
        const transactions = await cutEverywhere(
          fate,
          value,
          url => rig.swap(url),
          async cut => {
            const live = await rig.contents()
            const lacks = Object.keys(OLD).filter(key => live[key] === undefined && NEW[key] !== undefined)
            expect(lacks).toEqual([])
            if (cut % 2 === 0) {
              const wasMoving = await isMoving()
              if (wasMoving) await expect(rig.cursor('next')).rejects.toMatchObject(BUSY)
              await rig.cursor()
              if (wasMoving) await expectSwapped()
            }
            await rig.swap()
            await expectSwapped()
          },
        )
        expect(transactions).toBeGreaterThan(12)
      },
    )
  })

  it.each(['lost', 'unanswered'] as const)('end right when the recall is repeated; transactions are %s', async fate => {
    const transactions = await cutEverywhere(
      fate,
      'json',
      url => rig.recall(url),
      async cut => {
        expect(await rig.contents()).toEqual(NEW)
        if (await isMoving()) await expect(rig.cursor('previous')).rejects.toMatchObject(BUSY)
        // The live one has nothing to do with it.
        await rig.cursor()
        if (cut % 2 === 0 && (await isMoving())) await rig.cursor('next')
        const isLeft = (await isMoving()) || (await rig.rows()).includes('copy~previous:app')
        expect(await rig.recall()).toBe(isLeft)
        expect(await rig.contents('next')).toEqual(OLD)
        expect(await rig.contents('previous')).toEqual({})
        expect(await rig.rows()).toEqual(['copy:app', 'copy~next:app'])
        await rig.swap()
        expect(await rig.contents()).toEqual(OLD)
        expect(await rig.contents('previous')).toEqual(NEW)
      },
      async () => {
        await rig.swap()
        rig.put('never seen', 0, 50)
        await rig.catchUp('next')
      },
    )
    expect(transactions).toBeGreaterThan(6)
  })

  it.each(['next', 'previous'] as const)('is not there any more once it was begun to drop it: %s', async generation => {
    await cutEverywhere(
      'unanswered',
      'json',
      url => rig.drop(generation, url),
      async cut => {
        const { length } = Object.keys(await rig.contents(generation))
        if (cut > 2) {
          if (generation === 'next') await rig.swap()
          else expect(await rig.recall()).toBe(false)
          expect(await rig.contents()).toEqual(OLD)
          expect(Object.keys(await rig.contents(generation))).toHaveLength(length)
        }
        await rig.drop(generation)
        expect(await rig.contents(generation)).toEqual({})
        expect(await rig.rows()).not.toContain(`copy~${generation}:app`)
      },
    )
  })

  it('leave nothing behind when the sink is removed, wherever a swap was, and a removal', async () => {
    await cutEverywhere(
      'unanswered',
      'json',
      url => rig.swap(url),
      async () => {
        line.transactions = 0
        line.fate = transaction => (transaction === 4 ? 'lost' : 'runs')
        await expect(rig.destroy(line.url(1))).rejects.toMatchObject(CUT)
        await rig.destroy()
        expect(await rig.text('DBSIZE')).toBe('0')
      },
    )
    await cutEverywhere(
      'lost',
      'json',
      url => rig.recall(url),
      async () => {
        await rig.destroy()
        expect(await rig.text('DBSIZE')).toBe('0')
      },
    )
  })

  it('stop between two pages when they are told to', async () => {
    await build('json')
    const abort = new AbortController()
    line.fate = transaction => {
      if (transaction === 8) abort.abort(new Error('stopped'))
      return 'runs'
    }
    await expect(rig.swap(line.url(1), abort.signal)).rejects.toThrow('stopped')
    expect(line.transactions).toBe(8)
    await rig.swap(server.url(1), never)
    await expectSwapped()
  })
})
