import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { applyJsonDiffs } from '../../../connectors/mysql/binlog/json-apply.ts'
import { parseJsonDiffs } from '../../../connectors/mysql/binlog/json-diff.ts'
import { parseJson, printJson } from '../../../connectors/mysql/binlog/json-document.ts'
import { parseJsonPath } from '../../../connectors/mysql/binlog/json-path.ts'
import { sized, u8 } from '../../support/mysql/binlog-events.ts'

const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })
const OPERATIONS = { replace: 0, insert: 1, remove: 2 }

type Change = readonly ['replace' | 'insert', string, string] | readonly ['remove', string]

/** Values stand as text where a server has binary JSON. */
function apply(document: string, ...changes: Change[]): string {
  const bytes = Buffer.concat(
    changes.flatMap(([operation, path, value]) => [
      u8(OPERATIONS[operation]),
      sized(path),
      ...(value === undefined ? [] : [sized(value)]),
    ]),
  )
  const diffs = parseJsonDiffs(bytes, 0, bytes.length)
  return applyJsonDiffs(document, diffs, bytes, (all, at, end) => all.toString('utf8', at, end))
}

describe('differences of a JSON document', () => {
  it('replace, insert and remove members and cells', () => {
    const document = '{"a": [1, 2], "bb": {"c": 1.0}}'
    expect(apply(document, ['replace', '$.a[0]', '9007199254740993'])).toBe(
      '{"a": [9007199254740993, 2], "bb": {"c": 1.0}}',
    )
    expect(apply(document, ['insert', '$.a[1]', '{"q": 1.50}'])).toBe('{"a": [1, {"q": 1.50}, 2], "bb": {"c": 1.0}}')
    expect(apply(document, ['insert', '$.a[7]', 'null'])).toBe('{"a": [1, 2, null], "bb": {"c": 1.0}}')
    expect(apply(document, ['remove', '$.bb.c'], ['insert', '$.bb.d', '[]'])).toBe('{"a": [1, 2], "bb": {"d": []}}')
    expect(apply(document, ['remove', '$.a[last]'])).toBe('{"a": [1], "bb": {"c": 1.0}}')
    expect(apply(document, ['remove', '$.a[last-1]'])).toBe('{"a": [2], "bb": {"c": 1.0}}')
    expect(apply(document, ['insert', '$.x', '{"y": 1}'], ['replace', '$.x.y', '2'])).toBe(
      '{"a": [1, 2], "x": {"y": 2}, "bb": {"c": 1.0}}',
    )
  })

  it('put new members where MySQL has them: shorter names first, then by their bytes', () => {
    expect(
      apply(
        '{}',
        ['insert', '$.bb', '1'],
        ['insert', '$."ä"', '2'],
        ['insert', '$.z', '3'],
        ['insert', '$.b', '4'],
        ['insert', '$."q\\"\\\\.["', '5'],
        ['insert', '$.__proto__', '6'],
        ['insert', '$."10"', '7'],
      ),
    ).toBe('{"b": 4, "z": 3, "10": 7, "bb": 1, "ä": 2, "q\\"\\\\.[": 5, "__proto__": 6}')
  })

  it('that do not fit the document are refused', () => {
    const refused = (...change: Change): void => expect(() => apply('{"a": [1], "s": "x"}', change)).toThrow(UNREADABLE)
    refused('replace', '$.b', '1')
    refused('insert', '$.a', '1')
    refused('remove', '$.a[1]')
    refused('replace', '$.a[last-1]', '1')
    refused('replace', '$.a.b', '1')
    refused('insert', '$[0]', '1')
    refused('remove', '$.s[0]')
    refused('insert', '$.b.c', '1')
    refused('replace', '$', '1')
    refused('replace', '$.a', '[')
  })

  it('are refused when they are cut or of an unknown kind', () => {
    const bytes = Buffer.concat([u8(0), sized('$.a'), sized('1')])
    for (let end = 1; end < bytes.length; end++) expect(() => parseJsonDiffs(bytes, 0, end)).toThrow(UNREADABLE)
    expect(() => parseJsonDiffs(Buffer.concat([u8(3), bytes]), 0, 1)).toThrow(UNREADABLE)
    for (const path of ['a', '$a', '$.', '$[', '$[x]', '$[*]', '$.a[', '$."a', '$."a\\', '$[last-]', '$**.a', '$.a.'])
      expect(() => parseJsonPath(path)).toThrow(UNREADABLE)
  })
})

describe('a JSON document', () => {
  it('is what it was when nothing is changed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(JSON.parse(printJson(parseJson(JSON.stringify(value))))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
    const exact =
      '{"a": 1.10, "e": 1e400, "i": 18446744073709551615, "s": "\\u0001\\"", "d": "2020-01-01 00:00:00.000000"}'
    expect(printJson(parseJson(exact)).length).toBe(exact.length)
  })

  it('is refused when it is malformed, or deeper than any', () => {
    for (const text of ['', '[', '[1', '[1 2]', '{"a"}', '{"a":}', '{a:1}', '[]]', '"a', '{"a":1,}'])
      expect(() => parseJson(text)).toThrow(UNREADABLE)
    expect(() => parseJson('['.repeat(100_000))).toThrow(UNREADABLE)
    expect(printJson(parseJson(`${'['.repeat(100)}${']'.repeat(100)}`))).toHaveLength(200)
  })
})
