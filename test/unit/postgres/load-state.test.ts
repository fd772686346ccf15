import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  addPages,
  formatLoadState,
  type LoadState,
  missingPages,
  type Pages,
  parseLoadState,
} from '../../../connectors/postgres/load-state.ts'

const LAST = 60
const run = fc
  .tuple(fc.integer({ min: 0, max: LAST }), fc.integer({ min: 0, max: LAST }), fc.integer({ min: 0, max: 9 }))
  .map(([a, b, open]): Pages => [Math.min(a, b), open === 0 ? null : Math.max(a, b)])

const pagesOf = (runs: readonly Pages[]): Set<number> => {
  const pages = new Set<number>()
  for (const [from, to] of runs) for (let page = from; page < (to ?? LAST + 5); page++) pages.add(page)
  return pages
}

const everyPage = pagesOf([[0, null]])

describe('what is read of a table', () => {
  it('is exactly the pages that were noted, and what is missing all others', () => {
    fc.assert(
      fc.property(fc.array(run, { maxLength: 12 }), runs => {
        const done = runs.reduce<readonly Pages[]>((all, one) => addPages(all, one), [])
        const noted = pagesOf(runs)
        expect([...pagesOf(done)].sort()).toEqual([...noted].sort())
        const missing = [...everyPage].filter(page => !noted.has(page))
        expect([...pagesOf(missingPages(done))]).toEqual(missing)
      }),
      { numRuns: 1000 },
    )
  })

  it('is noted in few words: runs that touch are one', () => {
    expect(addPages(addPages(addPages([], [0, 256]), [512, null]), [256, 512])).toEqual([[0, null]])
    expect(missingPages([[0, null]])).toEqual([])
    expect(missingPages([])).toEqual([[0, null]])
  })

  it('is read back as it was written', () => {
    const state: LoadState = {
      attributes: 'f00',
      leaves: [
        {
          oid: 16384,
          file: '16384',
          pages: [
            [0, 10],
            [20, null],
          ],
        },
      ],
      key: 'dAAA',
      slot: 'tailrace_a_b',
      point: '0/100',
    }
    expect(parseLoadState(formatLoadState(state))).toEqual(state)
  })

  it.each(['', 'exported', '{"v":2,"attributes":"a","leaves":[]}', '{"v":1}'])(
    'of another form does not count: %p',
    text => {
      expect(parseLoadState(text)).toBeUndefined()
    },
  )
})
