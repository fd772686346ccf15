/** The oracle's checks see what they are there to see: each fault, put in by hand, trips its own check. */
import { describe, expect, it } from '@jest/globals'
import { demandKept, type Evidence, judge, type Verdict } from './checks.ts'
import { type CommittedTransaction, History } from './history.ts'
import type { Sighting } from './sampler.ts'
import { type LoggedTransaction, Trail } from './trail.ts'

const TRANSACTIONS: CommittedTransaction[] = [
  { xid: '10', changes: [{ table: 'by_text', key: 1, ver: 1 }] },
  {
    xid: '11',
    changes: [
      { table: 'by_text', key: 1, ver: 2 },
      { table: 'by_pair', key: 7, ver: 3 },
    ],
  },
  {
    xid: '12',
    changes: [
      { table: 'by_text', key: 1, ver: null },
      { table: 'by_text', key: 2, ver: 4 },
    ],
  },
  { xid: '13', changes: [{ table: 'by_text', key: 1, ver: 5 }] },
]

/** The load shows what transactions 10 and 11 left, the stream brings the others. */
function sound(): Evidence {
  const trail = new Trail()
  trail.loaded.set('by_number', {
    rows: new Map([
      [0, 0],
      [1, 0],
    ]),
    restarts: 0,
  })
  trail.loaded.set('by_text', { rows: new Map([[1, 2]]), restarts: 0 })
  trail.loaded.set('by_pair', { rows: new Map([[7, 3]]), restarts: 0 })
  for (const { xid, changes } of TRANSACTIONS.slice(2)) {
    const logged = changes.map((change, index) => ({ ...change, index }))
    trail.transactions.set(xid, { xid, position: `0/${xid}`, changes: logged, advance: 1 })
  }
  const sightings = [2, null, 5].map(ver => sighting(ver))
  const sampled = { sightings, torn: [], samples: 3, rate: 50 }
  return { history: new History(TRANSACTIONS, 2), trail, sampled, different: [], ahead: [] }
}

function sighting(ver: number | null, loading = false): Sighting {
  return { sink: 'rows', table: 'by_text', key: 1, ver, loading }
}

function saw(...sightings: Sighting[]): (evidence: Evidence) => Evidence {
  return evidence => ({ ...evidence, sampled: { ...evidence.sampled, sightings } })
}

function logged(evidence: Evidence, xid: string): LoggedTransaction {
  return evidence.trail.transactions.get(xid)!
}

it('finds nothing where the promise was kept', () => {
  expect(() => demandKept(judge(sound()))).not.toThrow()
})

it('lets rows be missing, and be emptied again, while the first load is not done', () => {
  const evidence = saw(sighting(1), sighting(null, true), sighting(1, true), sighting(2))(sound())
  expect(judge(evidence).fallen).toEqual([])
})

const FAULTS: readonly [what: string, check: keyof Verdict, put: (evidence: Evidence) => Evidence][] = [
  ['a row that differs at rest', 'different', e => ({ ...e, different: ['by_text/1'] })],
  ['a sink that shows an older version', 'fallen', saw(sighting(2), sighting(1))],
  ['a deleted row that is back', 'fallen', saw(sighting(2), sighting(null), sighting(2))],
  ['a row that is gone without a delete', 'fallen', saw(sighting(5), sighting(null))],
  ['a version in a sink that was never committed', 'aborted', saw(sighting(99))],
  [
    'a version in the log that falls',
    'fallen',
    e => {
      e.trail.falls.push('by_text/1')
      return e
    },
  ],
  [
    'an aborted transaction in the log',
    'aborted',
    e => {
      const changes = [{ table: 'by_text', key: 3, ver: 77, index: 0 } as const]
      e.trail.transactions.set('99', { xid: '99', position: '0/99', changes, advance: 1 })
      return e
    },
  ],
  [
    'a change in the log that its transaction undid',
    'aborted',
    e => {
      logged(e, '13').changes.push({ table: 'by_pair', key: 9, ver: 78, index: 1 })
      return e
    },
  ],
  [
    'a transaction that is missing behind the load',
    'missing',
    e => {
      e.trail.transactions.delete('12')
      return e
    },
  ],
  [
    'a transaction that is missing at the seam',
    'missing',
    e => {
      e.trail.loaded.get('by_pair')!.rows.delete(7)
      return e
    },
  ],
  [
    'a filled row that the load left out',
    'missing',
    e => {
      e.trail.loaded.get('by_number')!.rows.delete(1)
      return e
    },
  ],
  [
    'a loaded row that nobody wrote',
    'aborted',
    e => {
      e.trail.loaded.get('by_pair')!.rows.set(8, 6)
      return e
    },
  ],
  [
    'a transaction that lacks a change',
    'torn',
    e => {
      logged(e, '12').changes.pop()
      return e
    },
  ],
  ['a slot ahead of the log', 'ahead', e => ({ ...e, ahead: ['0/2 over 0/1'] })],
]

describe('trips over', () => {
  it.each(FAULTS)('%s', (_what, check, put) => {
    const verdict = judge(put(sound()))
    expect(verdict[check]).not.toEqual([])
    expect(() => demandKept(verdict)).toThrow('the promise was broken')
  })
})
