import { describe, expect, it } from '@jest/globals'
import type { Table } from '../../../runtime/contract.ts'
import { Lent } from '../../../runtime/lent.ts'
import { type VerifiedSource, verify } from '../../../runtime/verify/verify.ts'
import type { VerifyReport } from '../../../runtime/verify-report.ts'
import { table } from '../../support/records.ts'
import { ITEMS, Told, TwoSides } from '../../support/two-sides.ts'

const { signal } = new AbortController()

/** A source whose log knows these tables beside the one of the sides. */
function sourceOf(sides: TwoSides, ...others: Table[]): VerifiedSource {
  const tables = new Map([sides.table, ...others].map(known => [known.id, known]))
  return {
    log: Object.assign(sides.log, { tables: () => tables }),
    takes: ({ table: name }) => name !== 'secret',
    use: (work, end) => work(sides, end),
  }
}

function run(source: VerifiedSource, tables?: readonly string[]): Promise<VerifyReport> {
  return verify([source], { sink: 'copy', tables, fix: false }, new Told(), signal)
}

function sidesWithARow(): TwoSides {
  const sides = new TwoSides()
  sides.write('1', 'a', '1.00')
  return sides
}

describe('verify', () => {
  it('says of each table of the sink what was found, or why it was left out', async () => {
    const lines = table('lines', { id: 2, key: [], appendOnly: true })
    const gone = table('gone', { id: 3 })
    const secret = table('secret', { id: 4 })
    const { equal, tables } = await run(sourceOf(sidesWithARow(), lines, gone, secret))
    expect(equal).toBe(true)
    expect(
      tables.map(({ table: name, isCompared, compared, leftOut }) => [name, isCompared, compared, leftOut]),
    ).toEqual([
      ['app.public.gone', false, 0, 'it is not captured any more'],
      ['app.public.items', true, 1, null],
      ['app.public.lines', false, 0, 'it has no key'],
    ])
  })

  it('is not equal while a difference is left', async () => {
    const sides = sidesWithARow()
    sides.sinkRows.clear()
    expect((await run(sourceOf(sides))).equal).toBe(false)
  })

  it('compares the tables that are asked for alone', async () => {
    const source = sourceOf(sidesWithARow(), table('lines', { id: 2, key: [], appendOnly: true }))
    expect((await run(source, ['app.public.it*'])).tables.map(report => report.table)).toEqual([ITEMS.name])
  })

  it.each(['app.public.none', 'app.public.secret'])('refuses %s, which the sink does not take', async name => {
    const source = sourceOf(sidesWithARow(), table('secret', { id: 4 }))
    await expect(run(source, ['app.public.items', name])).rejects.toMatchObject({ code: 'UNKNOWN_TABLE' })
  })

  it.each<[string, (sides: TwoSides) => object]>([
    ['a sink that keeps no rows', ({ sink }) => Object.assign(sink, { get: undefined })],
    ['a source that cannot be asked again', ({ source }) => Object.assign(source, { request: undefined })],
    ['a log that does not look up', ({ log }) => Object.assign(log, { states: undefined })],
    ['a table that is being loaded, alone', sides => Object.assign(sides, { isLoading: () => true })],
  ])('refuses %s', async (_, change) => {
    const sides = sidesWithARow()
    change(sides)
    await expect(run(sourceOf(sides))).rejects.toMatchObject({ code: 'VERIFY_UNSUPPORTED' })
  })
})

describe('what is lent', () => {
  it('is not given up before everybody who uses it was told and has ended', async () => {
    const gone = new Error('it goes')
    const lent = new Lent('thing', () => gone)
    const told = Promise.withResolvers<unknown>()
    const ending = Promise.withResolvers<void>()
    const use = lent.use(async (thing, end) => {
      expect(thing).toBe('thing')
      end.addEventListener('abort', () => told.resolve(end.reason))
      await ending.promise
    }, signal)
    use.catch(() => {})
    let isGone = false
    const disposed = lent[Symbol.asyncDispose]().then(() => {
      isGone = true
    })
    expect(await told.promise).toBe(gone)
    await expect(use).rejects.toBe(gone)
    expect(isGone).toBe(false)
    ending.resolve()
    await disposed
    await expect(lent.use(async () => {}, signal)).rejects.toBe(gone)
  })
})
