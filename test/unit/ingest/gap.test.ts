import { describe, expect, it } from '@jest/globals'
import { PaperDatabase } from '../../support/paper-database.ts'
import { PaperIngest, paperRows } from '../../support/paper-ingest.ts'
import { until } from '../../support/until.ts'

/** Rows that changed without events, as statements and partitions change them, and the stream's place when they did. */
describe('a pass over rows that changed without events', () => {
  it('sweeps also what the stream brings only once the pass has begun', async () => {
    const database = new PaperDatabase()
    database.put('1001', 'there', false)
    await using run = await PaperIngest.open(database)
    await run.start()
    await run.settle()
    database.put('1002', 'gone', false)
    database.lose('1002')
    await run.backfill(true)
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
    expect([...(await run.rows()).keys()]).toEqual(['1001'])
  })

  it('takes nothing of before them from rows that the stream brings only once the pass has begun', async () => {
    const database = new PaperDatabase()
    database.put('1001', 'old', false)
    database.put('1009', 'old', false)
    let chunks = 0
    await using run = await PaperIngest.open(database, {
      size: 1,
      // Behind the first chunk, whose fence the stream has passed then.
      chunk: when => {
        if (when !== 'after' || ++chunks !== 2) return
        database.put('1009', undefined, true)
        run.written()
      },
    })
    await run.start()
    await run.settle()
    database.put('1009', 'newer', false)
    database.alter('1009', 'newest')
    await run.backfill(true)
    await run.loaded()
    database.reveal()
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
  })

  it('waits for rows that were completed from before them by a commit that is not visible yet', async () => {
    const database = new PaperDatabase()
    database.put('1001', 'old', false)
    let chunks = 0
    await using run = await PaperIngest.open(database, {
      chunk: when => {
        if (when === 'after') chunks++
      },
    })
    await run.start()
    await run.settle()
    database.alter('1001', 'new')
    database.put('1001', undefined, true)
    await run.settle()
    await run.backfill(true)
    await until(() => chunks >= 2, 'its rows are read again')
    database.reveal()
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
    expect((await run.rows()).get('1001')).toMatch(/ new$/)
  })

  it.each(['before its fence is passed', 'while its keys are looked up'])(
    'does not complete a row from a chunk that is older than what the log left in doubt: the row comes %s',
    async when => {
      const database = new PaperDatabase()
      database.put('1001', 'old', false)
      const isEarly = when.startsWith('before')
      let isDone = false
      const narrow = async (): Promise<void> => {
        if (isDone) return
        isDone = true
        database.put('1001', undefined, false)
        await run.turns()
      }
      let chunks = 0
      await using run = await PaperIngest.open(database, {
        chunk: async read => {
          if (read !== 'after' || ++chunks !== 1) return
          database.put('1001', 'new', false)
          await run.turns()
          if (isEarly) await narrow()
        },
        looked: async () => {
          if (!isEarly && chunks === 1) await narrow()
        },
      })
      await run.start()
      await run.settle()
      await run.backfill(true)
      await run.settle()
      expect(isDone).toBe(true)
      expect(await run.rows()).toEqual(paperRows(database))
    },
  )

  it('does not wait for commits that the stream brings meanwhile', async () => {
    const database = new PaperDatabase()
    database.put('1001', 'old', false)
    database.put('1002', 'old', false)
    let chunks = 0
    await using run = await PaperIngest.open(database, {
      // One is always hidden: the one before becomes visible with it.
      chunk: when => {
        if (when !== 'before' || chunks++ === 0) return
        const before = new Set(database.hidden)
        database.put(chunks % 2 === 0 ? '1002' : '1001', undefined, true)
        database.reveal(id => before.has(id))
        run.written()
      },
    })
    await run.start()
    await run.settle()
    database.alter('1001', 'new')
    database.put('1001', undefined, true)
    await run.settle()
    await run.backfill(true)
    await run.loaded()
    database.reveal()
    await run.settle()
    expect(await run.rows()).toEqual(paperRows(database))
  })
})
