import { createHmac } from 'node:crypto'
import { expect, it } from '@jest/globals'
import { applyPlan, planWithoutExcluded, rowPlan } from '../../../connectors/common/row-plan.ts'
import { Scratch } from '../../../connectors/common/scratch.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'

type Values = (string | Uint8Array | null | undefined)[]

/** The tuple stands between other bytes, as in the stream. */
function apply(plan: Parameters<typeof applyPlan>[0], values: Values): Buffer {
  const cells = encodeCells(values)
  const bytes = Buffer.concat([Buffer.from('head'), cells, Buffer.from('tail')])
  const tuple = applyPlan(plan, bytes, 4, 4 + cells.length, new Scratch())
  return Buffer.from(tuple.bytes.subarray(tuple.at, tuple.end))
}

const KEY = 'a key of sixteen bytes'
const hash = (text: string): string => createHmac('sha256', KEY).update(text).digest('hex')

it('a tuple without rules is taken where it stands', () => {
  const bytes = encodeCells(['1', null]) as Buffer
  const tuple = applyPlan(rowPlan(['keep', 'keep'], false, undefined), bytes, 0, bytes.length, new Scratch())
  expect(tuple.bytes).toBe(bytes)
})

it('columns are left out, hashed, redacted and nulled; what is null or unchanged stays so', () => {
  const plan = rowPlan(['keep', 'exclude', 'hash', 'redact', 'null', 'keep'], false, KEY)
  expect(apply(plan, ['1', 'gone', 'mail', 'note', 'x', 'z'])).toEqual(
    encodeCells(['1', hash('mail'), '***', null, 'z']),
  )
  expect(apply(plan, ['1', null, null, null, null, null])).toEqual(encodeCells(['1', null, null, null, null]))
  expect(apply(plan, ['1', undefined, undefined, undefined, undefined, undefined])).toEqual(
    encodeCells(['1', undefined, undefined, null, undefined]),
  )
})

it('many short values may grow into hashes', () => {
  const rules = Array.from({ length: 1600 }, () => 'hash' as const)
  const values = rules.map((_, i) => String(i))
  expect(apply(rowPlan(rules, false, KEY), values)).toEqual(encodeCells(values.map(hash)))
})

it('text that is not UTF-8 is tagged as bytes where the database does not check it', () => {
  const invalid = Buffer.from([0x61, 0xff])
  const tuple = apply(rowPlan(['keep', 'keep'], true, undefined), [invalid, 'é'])
  const expected = Buffer.from(encodeCells([invalid, 'é']))
  expected[0] = CellTag.bytes
  expect(tuple).toEqual(expected)
})

it('excluded columns that are not even read need no rule', () => {
  const plan = planWithoutExcluded(rowPlan(['keep', 'exclude', 'redact'], false, undefined))
  expect(plan.rules).toEqual(['keep', 'redact'])
  expect(planWithoutExcluded(rowPlan(['exclude', 'keep'], false, undefined)).identity).toBe(true)
})
