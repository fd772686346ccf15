import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { formatUuid } from '../../../connectors/mysql/binlog/gtid-event.ts'
import { parsePreviousGtids } from '../../../connectors/mysql/binlog/previous-gtids.ts'
import { encodeGtidSet } from '../../../connectors/mysql/gtid/mysql-encoding.ts'
import { MysqlGtidSet, parseGtidSet } from '../../../connectors/mysql/gtid/mysql-set.ts'

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562'
const B = '8a94f357-aab4-11df-86ab-c80aa9429562'
const canonical = (text: string): string => parseGtidSet(text).format()

/** As PREVIOUS_GTIDS has it, from `at` to `end`. */
function decoded(bytes: Buffer, at: number, end: number): MysqlGtidSet {
  const set = new MysqlGtidSet()
  for (const { uuid, tag, ranges } of parsePreviousGtids(bytes, at, end))
    for (const [first, last] of ranges) set.addRange(tag === '' ? uuid : `${uuid}:${tag}`, first, last)
  return set
}

/** The naive model: each transaction as text. */
type Step = readonly [tsid: string, first: number, length: number]
const step = fc.tuple(
  fc.constantFrom(A, B, `${A}:tag`, `${A}:_b2`, `${B}:tag`),
  fc.nat(40),
  fc.nat(8),
) as fc.Arbitrary<Step>
const steps = fc.array(step, { maxLength: 30 })

function build(list: readonly Step[]): { set: MysqlGtidSet; model: Set<string> } {
  const set = new MysqlGtidSet()
  const model = new Set<string>()
  for (const [tsid, first, length] of list) {
    set.addRange(tsid, BigInt(first + 1), BigInt(first + 1 + length))
    for (let i = 0; i <= length; i++) model.add(`${tsid} ${first + 1 + i}`)
  }
  return { set, model }
}

const isWithin = (some: Set<string>, all: Set<string>): boolean => [...some].every(one => all.has(one))

describe('a set of GTIDs', () => {
  it('holds what was added, and nothing else', () => {
    fc.assert(
      fc.property(steps, list => {
        const { set, model } = build(list)
        for (const tsid of [A, B, `${A}:tag`, `${A}:_b2`, `${B}:tag`])
          for (let n = 1; n <= 51; n++) expect(set.contains(tsid, BigInt(n))).toBe(model.has(`${tsid} ${n}`))
        expect(set.isEmpty).toBe(model.size === 0)
      }),
    )
  })

  it('is one text for one content, whatever the order it was added in, and is read back from it', () => {
    fc.assert(
      fc.property(
        steps.chain(list => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          const { set } = build(list)
          expect(build(shuffled).set.format()).toBe(set.format())
          expect(parseGtidSet(set.format()).equals(set)).toBe(true)
          expect(set.format()).toBe(set.format())
        },
      ),
    )
  })

  it('includes and equals as sets do, and takes in another', () => {
    fc.assert(
      fc.property(steps, steps, (left, right) => {
        const { set: a, model: modelA } = build(left)
        const { set: b, model: modelB } = build(right)
        expect(a.includes(b)).toBe(isWithin(modelB, modelA))
        expect(a.equals(b)).toBe(modelA.size === modelB.size && isWithin(modelA, modelB))
        a.addAll(b)
        expect(a.includes(b)).toBe(true)
        expect(a.equals(build([...left, ...right]).set)).toBe(true)
      }),
    )
  })

  it('goes through its binary form, with tags and without', () => {
    fc.assert(
      fc.property(steps, fc.nat(5), (list, before) => {
        const { set } = build(list)
        const bytes = encodeGtidSet(set)
        const placed = Buffer.concat([Buffer.alloc(before, 0xff), bytes, Buffer.alloc(4, 0xff)])
        expect(decoded(placed, before, before + bytes.length).format()).toBe(set.format())
      }),
    )
  })

  it.each([
    ['', ''],
    [' , ,', ''],
    [`${A}:1-5:8`, `${A}:1-5:8`],
    [`${A}:8:1-2:3-5`, `${A}:1-5:8`],
    [`${A.toUpperCase()}:1 - 5 : 5-9,\n${B}:1`, `${A}:1-9,${B}:1`],
    [`${B}:1,${A}:2`, `${A}:2,${B}:1`],
    [`${A}:1-3:Domain_1:1-9:12:other:4`, `${A}:1-3:domain_1:1-9:12:other:4`],
    [`${A}:tag:1,${A}:1,${A}:tag:2`, `${A}:1:tag:1-2`],
    [`${A}:5-3`, ''],
    [`${A}:1-9223372036854775806`, `${A}:1-9223372036854775806`],
    [`${A}:9007199254740993:9007199254740995`, `${A}:9007199254740993:9007199254740995`],
  ])('%p is %p', (text, expected) => {
    expect(canonical(text)).toBe(expected)
  })

  it.each([
    'x',
    `${A}:0`,
    `${A}:-1`,
    `${A}:1-`,
    `${A}:1-2-3`,
    `${A}:9223372036854775807`,
    `${A}:99999999999999999999`,
    `${A.slice(1)}:1`,
    `${A}:1tag:1`,
    `${A}:${'t'.repeat(33)}:1`,
    '0-1-5',
    `:${A}`,
  ])('%p is none', text => {
    expect(() => parseGtidSet(text)).toThrow(expect.objectContaining({ code: 'GTID_UNREADABLE' }))
  })

  it('grows by the next number again and again, also across a gap that closes', () => {
    const set = parseGtidSet(`${A}:1-3:6`)
    for (const n of [7n, 8n, 4n, 5n, 9n]) set.add(A, n)
    expect(set.format()).toBe(`${A}:1-9`)
    set.add(B, 1n)
    set.add(A, 10n)
    expect(set.format()).toBe(`${A}:1-10,${B}:1`)
  })
})

describe('the binary form', () => {
  const uuid = A.replaceAll('-', '')

  it('is that of the server', () => {
    expect(encodeGtidSet(new MysqlGtidSet()).toString('hex')).toBe('0000000000000000')
    expect(encodeGtidSet(parseGtidSet(`${A}:1-5:8`)).toString('hex')).toBe(
      `0100000000000000${uuid}02000000000000000100000000000000060000000000000008000000000000000900000000000000`,
    )
    expect(encodeGtidSet(parseGtidSet(`${A}:7:tag:1`)).toString('hex')).toBe(
      `0102000000000001${uuid}00010000000000000007000000000000000800000000000000` +
        `${uuid}06746167010000000000000001000000000000000200000000000000`,
    )
  })

  it('cut anywhere, or with bytes behind it, is refused', () => {
    const bytes = encodeGtidSet(parseGtidSet(`${A}:1-5:8,${B}:tag:1-3`))
    for (let size = 0; size < bytes.length; size++)
      expect(() => decoded(bytes, 0, size)).toThrow(expect.objectContaining({ code: 'BINLOG_UNREADABLE' }))
    const longer = Buffer.concat([bytes, Buffer.alloc(1)])
    expect(() => decoded(longer, 0, longer.length)).toThrow(expect.objectContaining({ code: 'BINLOG_UNREADABLE' }))
  })

  it('with any byte changed is a set or a typed error', () => {
    const bytes = encodeGtidSet(parseGtidSet(`${A}:1-5:8,${B}:tag:1-3`))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(bytes)
        changed[at] = value
        try {
          expect(decoded(changed, 0, changed.length).isEmpty).toBe(false)
        } catch (error) {
          expect(error).toMatchObject({ code: 'BINLOG_UNREADABLE' })
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('of a UUID is its hexadecimal digits', () => {
    expect(formatUuid(Buffer.from(`ff${uuid}`, 'hex').subarray(1))).toBe(A)
  })
})
