import { describe, expect, it } from '@jest/globals'
import { isTooMany } from '../../../runtime/ingest/guard.ts'
import { Held } from '../../../runtime/ingest/held.ts'
import { Turns } from '../../../runtime/ingest/turns.ts'
import { Random } from '../../crash/random.ts'
import { PaperDatabase } from '../../support/paper-database.ts'
import { PaperIngest, paperRows } from '../../support/paper-ingest.ts'
import { loadFailure, PAPER, type PaperHooks, PaperSource } from '../../support/paper-source.ts'
import { until } from '../../support/until.ts'

const never = new AbortController().signal

function filled(transactions = 20): PaperDatabase {
  const database = new PaperDatabase()
  const random = new Random(7)
  for (let i = 0; i < transactions; i++) database.commit(random, 1000, false)
  return database
}

describe('a load beside the stream', () => {
  it('that fails for good leaves the stream alone, shows its error, and goes on when it is asked to', async () => {
    const database = filled()
    const hooks: PaperHooks = {
      base: database.wal.length,
      chunk: () => {
        throw loadFailure('LOAD_UNSUPPORTED', 'stop')
      },
    }
    await using run = await PaperIngest.open(database, hooks)
    const loads = await run.start()
    await run.backfill()
    await until(() => loads.states().get(PAPER.name)?.state === 'failed', 'the load has failed')
    expect(loads.states().get(PAPER.name)?.error?.code).toBe('LOAD_UNSUPPORTED')
    database.commit(new Random(8), 1000, false)
    run.written()
    await until(() => run.position === String(database.wal.length), 'the stream goes on')
    hooks.chunk = () => {}
    loads.retry()
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
    expect(loads.states().size).toBe(0)
  })

  it('that fails for a while is tried again, and does not read again what is merged', async () => {
    const database = filled()
    const read: string[] = []
    const hooks: PaperHooks = {
      base: database.wal.length,
      chunk: when => {
        read.push(when)
        if (read.length === 5) throw loadFailure('SOURCE_UNREACHABLE', 'retry')
      },
    }
    await using run = await PaperIngest.open(database, hooks)
    await run.start()
    await run.backfill()
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
    const chunks = Math.ceil(paperRows(database).size / 5)
    expect(read.filter(when => when === 'after')).toHaveLength(chunks)
  })

  it('waits until the stream has passed its fence', async () => {
    const database = filled()
    const hooks: PaperHooks = { base: database.wal.length }
    await using run = await PaperIngest.open(database, hooks)
    await run.start()
    const ahead: boolean[] = []
    hooks.chunk = when => {
      if (when === 'before') database.commit(new Random(9), 1000, false)
    }
    hooks.looked = async () => {
      ahead.push(Number(run.position) >= database.wal.length)
    }
    await run.backfill()
    await run.settle()
    expect(ahead.length).toBeGreaterThan(3)
    expect(ahead).not.toContain(false)
  })

  it('that the start asks for is waited for from the moment that the stream begins', async () => {
    const database = filled()
    const { length } = database.wal
    const asked = new PaperSource(database).request(PAPER.name, { kind: 'all' }, false)!
    await using run = await PaperIngest.open(database, { base: length, loads: [asked] })
    const loads = await run.start()
    expect(loads.states().get(PAPER.name)).toMatchObject({ kind: 'load', state: 'waiting', rows: 0 })
    await loads.settled(never)
    expect(await run.rows()).toEqual(paperRows(database))
  })

  it('begins anew when it is asked for while it runs, and sweeps if either was to', async () => {
    const database = filled()
    const hooks: PaperHooks = { base: 0 }
    await using run = await PaperIngest.open(database, hooks)
    const loads = await run.start()
    run.written()
    await until(() => run.position === String(database.wal.length), 'the stream is there')
    const [lost] = [...paperRows(database).keys()]
    database.lose(lost!)
    const met = Promise.withResolvers<void>()
    hooks.chunk = () => met.resolve()
    await run.backfill(true)
    await met.promise
    await run.backfill(false)
    expect(loads.states().get(PAPER.name)?.kind).toBe('resync')
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
  })

  it('is drained between chunks: what follows is a whole log that goes on', async () => {
    const database = filled(60)
    const met = Promise.withResolvers<void>()
    let chunks = 0
    const hooks: PaperHooks = {
      base: database.wal.length,
      chunk: () => {
        if (++chunks === 8) met.resolve()
      },
    }
    await using run = await PaperIngest.open(database, hooks)
    await run.start()
    await run.backfill(true)
    await met.promise
    await run.stop()
    const resume = await run.log.resume()
    expect(resume?.loads.get(PAPER.name)).toMatchObject({ done: false, pass: { fence: expect.anything() } })
    await run.reopen()
    await run.start()
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
    expect((await run.log.resume())?.loads.get(PAPER.name)).toMatchObject({ done: true })
  })
})

describe('turns', () => {
  it('are one at a time, the stream before any load', async () => {
    const turns = new Turns()
    const order: string[] = []
    const first = await turns.load(never)
    const take = async (name: string, wanted: Promise<Disposable>): Promise<void> => {
      using _ = await wanted
      order.push(name)
      await new Promise(resolve => setImmediate(resolve))
      order.push(`${name} ends`)
    }
    const all = [take('load', turns.load(never)), take('stream', turns.stream(never))]
    first[Symbol.dispose]()
    await Promise.all(all)
    expect(order).toEqual(['stream', 'stream ends', 'load', 'load ends'])
  })

  it('are left by who does not want one any more', async () => {
    const turns = new Turns()
    const held = await turns.stream(never)
    const stop = new AbortController()
    const wanted = turns.load(stop.signal)
    stop.abort(new Error('enough'))
    await expect(wanted).rejects.toThrow('enough')
    held[Symbol.dispose]()
    using _ = await turns.load(never)
  })
})

describe('chunks that wait', () => {
  it('are bounded in bytes: another is read when there is room', async () => {
    const held = new Held(100)
    await held.room(never)
    const large = held.take(150)
    let isRoom = false
    const room = held.room(never).then(() => {
      isRoom = true
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(isRoom).toBe(false)
    large[Symbol.dispose]()
    await room
  })
})

describe('the guard of a sweep', () => {
  it.each([
    ['10,000 keys of a small table are free', 10_000, 0, '20%', false],
    ['more than a fifth is too much', 10_001, 30_000, '20%', true],
    ['a fifth is not', 20_000, 80_000, '20%', false],
    ['the share is an option', 20_000, 80_000, '10%', true],
    ['as is a number of keys', 20_000, 10_000_000, 15_000, true],
    ['below which all is free', 15_000, 0, 15_000, false],
  ])('%s', (_, deletes, rows, maxDeletes, tooMany) => {
    expect(isTooMany(deletes, rows, maxDeletes)).toBe(tooMany)
  })
})
