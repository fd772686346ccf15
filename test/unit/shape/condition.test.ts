import { describe, expect, it } from '@jest/globals'
import type { Column, LogicalType } from '../../../runtime/contract.ts'
import { judgeOf, type Truth } from '../../../runtime/shape/judge.ts'
import { parseCondition } from '../../../runtime/shape/parse.ts'
import { column, table } from '../../support/records.ts'

type Value = string | null | undefined

/** What a condition says of a row of one column `x` of this type, beside which there are `a` and `b`, two booleans. */
function judged(condition: string, x: Value, type: LogicalType['kind'] = 'text', a: Value = null): Truth {
  const of = table('t', { columns: [column('x', type), column('a', 'boolean'), column('a b', 'boolean')] })
  const values = [x, a, 't']
  return judgeOf(parseCondition(condition), of)({ value: i => values[i] })
}

/** Message and character (from 1) of what is wrong with it. */
function wrong(condition: string, columns: readonly Column[] = [column('x'), column('n', 'int32')]): string {
  try {
    judgeOf(parseCondition(condition), table('t', { columns }))
  } catch (error) {
    const { message, at } = error as { message: string; at: number }
    return `${at + 1}: ${message}`
  }
  throw new Error('it is right')
}

describe('a condition', () => {
  it.each([
    ["x = 'a'", 'a', true],
    ["x <> 'a'", 'a', false],
    ["x != 'b'", 'a', true],
    ["'b' > x", 'a', true],
    ["x in ('a', 'b')", 'b', true],
    ["x IN ('a', null)", 'b', null],
    ["x in ('a', null)", 'a', true],
    ["x not in ('a', null)", 'b', null],
    ["x not in ('a')", 'b', true],
    ["x between 'b' and 'd'", 'c', true],
    ["x between 'b' and 'd' and x <> 'c'", 'c', false],
    ["x NOT BETWEEN 'b' AND 'd'", 'a', true],
    ["x like 'a%c_'", 'abbbcd', true],
    ["x like 'a%c_'", 'abbbc', false],
    ["x like '50\\%'", '50%', true],
    ["x like '50\\%'", '500', false],
    ["x like '_'", '😀', true],
    ["x not like '%a%'", 'b', true],
    ['x like null', 'b', null],
    ["x = 'it''s'", "it's", true],
    ["not x = 'a'", 'b', true],
    ["x = 'a' or x = 'b' and x = 'c'", 'a', true],
    ["(x = 'a' or x = 'b') and x = 'c'", 'a', false],
    ['x is null', null, true],
    ['x is not null', null, false],
    ['null is null', 'a', true],
    ["x = 'a'", null, null],
    ["not x = 'a'", null, null],
    ["x = 'a' or 1 = 1", null, true],
    ["x = 'a' and 1 = 2", null, false],
    ["x = 'a' and 1 = 1", null, null],
    ['x = null', 'a', null],
    ['true', 'a', true],
    ["x = 'a'", undefined, undefined],
    ["x = 'a' or true", undefined, true],
    ["x = 'a' and false", undefined, false],
    ["not x = 'a'", undefined, undefined],
    ['x is null', undefined, undefined],
    // Behind all characters of one unit, as in UTF-8.
    ["x > '\uffee'", '\u{1f600}', true],
    ["x < 'b'", 'B', true],
  ] as const)('%s says of %j: %j', (condition, x, truth) => {
    expect(judged(condition, x)).toBe(truth)
  })

  it.each([
    ['x > 9007199254740992', '9007199254740993', true],
    ['x = 9007199254740993', '9007199254740992', false],
    ['x >= 10', '9.999999999999999999999999999999999', false],
    ['x = 1.50', '1.5', true],
    ['x = 1.5e2', '150.000', true],
    ['x < -1', '-1.0000000000000000000000000000001', true],
    ['x > -0.1', '-0.01', true],
    ['x = 0', '-0', true],
    ['x = .5', '0.5', true],
    ["x = 'NaN'", 'NaN', true],
    ["x < 'NaN'", 'Infinity', true],
    ['x > 1e300', 'Infinity', true],
    ['x < -1e300', '-Infinity', true],
    ['x = 0.1', '0.1000000000000000055511151231257827', false],
    ['x > 0.00001', '1e-07', false],
    ['x between -5 and +5', '5', true],
    ["x in (1, '2', 3)", '2', true],
  ] as const)('%s says of the number %s: %s', (condition, x, truth) => {
    expect(judged(condition, x, 'decimal')).toBe(truth)
  })

  it.each([
    ['timestamptz', "x = '2026-01-31T10:00:00Z'", '2026-01-31 11:00:00+01', true],
    ['timestamptz', "x > '2026-01-31 10:00:00+00'", '2026-01-31 10:00:00.000001+00', true],
    ['timestamptz', "x < '0001-01-01 00:00:00+00'", '0044-03-15 12:00:00+00 BC', true],
    ['timestamptz', "x = '1883-11-18 12:00:00Z'", '1883-11-18 07:03:58-04:56:02', true],
    ['timestamptz', "x < 'infinity'", '294276-12-31 23:59:59+00', true],
    ['timestamptz', "x = '2024-03-01 00:30:00+01'", '2024-02-29 23:30:00+00', true],
    ['timestamptz', "x = '2023-03-01 00:30:00+01'", '2023-02-28 23:30:00+00', true],
    ['timestamp', "x >= '2026-02-01'", '2026-01-31 24:00:00', false],
    ['timestamp', "x < '-infinity'", '4713-01-01 00:00:00 BC', false],
    ['timestamp', "x > '-infinity'", '4713-01-01 00:00:00 BC', true],
    ['date', "x > '0001-12-31 BC'", '0001-01-01', true],
    ['date', "x < '2026-01-01'", '0000-00-00', true],
    ['date', "x between '2026-01-01' and '2026-01-31'", '2026-01-31', true],
    ['time', "x < '00:00:00'", '-00:00:01', true],
    ['time', "x > '23:59:59.999999'", '24:00:00', true],
    ['time', "x > '99:00'", '838:59:59', true],
    ['timetz', "x = '10:00:00+00'", '11:00:00+01', false],
    ['timetz', "x < '10:00:00+00'", '11:00:00+01', true],
    ['uuid', "x = '6F9619FF-8B86-D011-B42D-00CF4FC964FF'", '6f9619ff-8b86-d011-b42d-00cf4fc964ff', true],
    ['bytes', "x = '\\x00FF'", '\\x00ff', true],
    ['bits', "x = '0101'", '0101', true],
    ['boolean', 'x = true', 't', true],
    ['boolean', 'x = 1', '1', true],
    ['boolean', 'x = false', '0', true],
    ['boolean', 'x', '5', true],
    ['boolean', 'not x', 'f', true],
    ['boolean', 'x is not true', null, true],
    ['boolean', 'x is false', null, false],
  ] as const)('of %s: %s says of %s: %s', (type, condition, x, truth) => {
    expect(judged(condition, x, type)).toBe(truth)
  })

  it('takes names in double quotes, also those of keywords, and others exactly', () => {
    expect(judged('"a b" and a', null, 'text', 't')).toBe(true)
    expect(wrong('X = 1', [column('x', 'int32')])).toBe('1: app.public.t has no column "X"; did you mean "x"?')
    const of = table('t', { columns: [column('order'), column('in')] })
    expect(judgeOf(parseCondition('order = "in"'), of)({ value: () => 'a' })).toBe(true)
  })

  it.each([
    ['x = ', '5: a column or a value is expected, not the end'],
    ['x = 1 2', '7: nothing is expected before "2" but AND or OR'],
    ["x = 'a", "5: the quote ' is not closed"],
    ['x ~ 1', '3: "~" has no meaning here'],
    ['x = in', '5: a column or a value is expected, not "in" (a column of that name is written in double quotes)'],
    ['(x = 1', '7: ")" is expected'],
    ['x not 1', '7: IN, BETWEEN or LIKE is expected behind NOT'],
    ['x is 1', '6: NULL, TRUE or FALSE is expected behind IS; compare with ='],
    ['x in ()', '7: a column or a value is expected, not ")"'],
    ['n between 1 or 2', '13: AND is expected between the bounds'],
    ['n < 1 and nn = 2', '11: app.public.t has no column "nn"; did you mean "n"?'],
    ["n = 'two'", '5: this is not a number, which is written 10.5'],
    ['x = 1', "5: this is not a text, which is written 'text'"],
    ['n', '1: "n" (int32) is no boolean: compare it with something'],
    ["n like 'a'", '3: "n" (int32) is no text: LIKE does not look at it'],
    ["x like 'a\\'", '3: a pattern does not end with \\'],
    ['x = n', '3: "x" (text) and "n" (int32) do not compare'],
    ['not not not x and -x = 1', '19: a number is expected behind "-"'],
  ])('%s is wrong at %s', (condition, message) => {
    expect(wrong(condition)).toBe(message)
  })

  it('refuses an order where there is none, and values that do not compare', () => {
    const columns = (['uuid', 'bytes', 'boolean', 'enum', 'json', 'array', 'interval', 'timestamptz'] as const).map(
      kind => column(kind, kind),
    )
    expect(wrong("uuid < '6f9619ff-8b86-d011-b42d-00cf4fc964ff'", columns)).toContain('has no order')
    expect(wrong("bytes > '\\x00'", columns)).toContain('has no order')
    expect(wrong('boolean >= true', columns)).toContain('has no order')
    expect(wrong("enum between 'a' and 'b'", columns)).toContain('has no order')
    for (const kind of ['json', 'array', 'interval'])
      expect(wrong(`${kind} = 'a'`, columns)).toBe(
        `${kind.length + 2}: values of "${kind}" (${kind}) do not compare: only IS NULL looks at them`,
      )
    expect(wrong("timestamptz > '2026-01-31'", columns)).toContain("'2026-01-31 10:00:00+00'")
    expect(wrong("uuid = 'x'", columns)).toContain('this is not a uuid')
  })

  it('is bounded in depth and length, and long lists are not deep', () => {
    expect(wrong('('.repeat(500))).toContain('nested too deeply')
    expect(wrong(`x = '${'a'.repeat(10_001)}'`)).toContain('longer than')
    const list = Array.from({ length: 1500 }, (_, i) => i).join(', ')
    expect(judged(`x in (${list})`, '1499', 'int32')).toBe(true)
  })

  it('compares what a mask left as text', () => {
    const of = table('t', { columns: [{ ...column('x', 'int32'), masked: true }] })
    expect(judgeOf(parseCondition("x = '***'"), of)({ value: () => '***' })).toBe(true)
  })
})
