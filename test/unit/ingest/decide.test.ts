import { describe, expect, it } from '@jest/globals'
import type { Fence, KeyState, Position, TransactionId } from '../../../runtime/contract.ts'
import { type Decision, decide, isSeen } from '../../../runtime/ingest/decide.ts'

interface Case {
  /** R4.4, line by line. */
  readonly sentence: string
  readonly asked: readonly [state: KeyState, isSeen: boolean, isTruncateSeen: boolean]
  readonly decision: Decision
}

const CASES: readonly Case[] = [
  { sentence: 'a key of which the log has nothing is appended', asked: ['none', true, true], decision: 'append' },
  {
    sentence: 'unless a truncate that the fence does not see has emptied the table',
    asked: ['none', true, false],
    decision: 'nothing',
  },
  {
    sentence: 'where the stream is newer nothing is appended',
    asked: ['different', false, true],
    decision: 'nothing',
  },
  { sentence: 'nor a row that the stream has deleted since', asked: ['deleted', false, true], decision: 'nothing' },
  { sentence: 'nor one that is the same', asked: ['same', false, true], decision: 'nothing' },
  {
    sentence: 'except that a newer row with absent cells is completed',
    asked: ['incomplete', false, true],
    decision: 'complete',
  },
  {
    sentence: 'a row that differs from what it has seen is appended',
    asked: ['different', true, true],
    decision: 'append',
  },
  { sentence: 'one that is the same is not', asked: ['same', true, true], decision: 'nothing' },
  { sentence: 'one that is there again after its delete is', asked: ['deleted', true, true], decision: 'append' },
  {
    sentence: 'and so is one of which the log has not all cells',
    asked: ['incomplete', true, true],
    decision: 'append',
  },
]

/** The decision with one of its conditions left out. */
const MUTANTS: Readonly<Record<string, typeof decide>> = {
  'the truncate': (state, seen) => decide(state, seen, true),
  'the fence': (state, _, truncate) => decide(state, true, truncate),
  'that a fence may see': (state, _, truncate) => decide(state, false, truncate),
  'the completion': (state, seen, truncate) => (decide(state, seen, truncate) === 'append' ? 'append' : 'nothing'),
  'that same rows are left out': (state, seen, truncate) =>
    decide(state === 'same' ? 'different' : state, seen, truncate),
  'that rows come back': (state, seen, truncate) => decide(state === 'deleted' ? 'same' : state, seen, truncate),
  'that seen rows may lack cells': (state, seen, truncate) =>
    decide(state === 'incomplete' && seen ? 'same' : state, seen, truncate),
  'that nothing may be known': (state, seen, truncate) => decide(state === 'none' ? 'same' : state, seen, truncate),
}

describe('what becomes of a chunk row', () => {
  it.each(CASES)('$sentence', ({ asked, decision }) => {
    expect(decide(...asked)).toBe(decision)
  })

  it.each(Object.entries(MUTANTS))('would be wrong without %s', (_, mutant) => {
    expect(CASES.filter(({ asked, decision }) => mutant(...asked) !== decision)).not.toEqual([])
  })
})

describe('what a fence sees', () => {
  const fence: Fence = { data: '', high: '9' as Position }
  const never = (): boolean => false
  const transaction = '7' as TransactionId

  it('is for the source to say', () => {
    expect(isSeen({ version: 5n, transaction }, fence, 0n, never)).toBe(false)
    expect(isSeen({ version: 5n, transaction }, fence, 0n, (of, id) => of === fence && id === transaction)).toBe(true)
  })

  it('is what loads wrote before it', () => {
    expect(isSeen({ version: 5n, transaction: undefined }, fence, 0n, never)).toBe(true)
  })

  it('is every transaction of an earlier lineage, and none of this one for that reason', () => {
    expect(isSeen({ version: 5n, transaction }, fence, 5n, never)).toBe(true)
    expect(isSeen({ version: 6n, transaction }, fence, 5n, never)).toBe(false)
  })
})
