import { quoted } from './type-case.ts'

/** Documents as they are written, and as the server prints them. */

const same = (text: string): readonly [string, string] => [quoted(text), text]
const other = (written: string, text: string): readonly [string, string] => [quoted(written), text]

const deep = `${'['.repeat(100)}${']'.repeat(100)}`
const large = `{"k": "${'x'.repeat(70_000)}", "n": [1, -1, 65536, -65536, 4294967296]}`
const many = `[${Array.from({ length: 20_000 }, (_, i) => i * 7 - 40_000).join(', ')}]`

export const DOCUMENTS: readonly (readonly [sql: string, text: string])[] = [
  ...['null', 'true', 'false', '0', '-1', '32767', '-32768', '65535', '2147483647', '-2147483648'].map(same),
  ...['4294967295', '9223372036854775807', '-9223372036854775808', '18446744073709551615', '9007199254740993'].map(
    same,
  ),
  ...['1.0', '-0.0', '0.1', '1.5', '1e20', '1e100', '1.7976931348623157e308', '5e-324', '0.000001'].map(same),
  other('1e-7', '0.0000001'),
  other('1e2', '100.0'),
  other('18446744073709551616', '1.8446744073709552e19'),
  ...['""', '"plain"', '"é産\u{1f600}"', '"\\"\\\\"', '"\\b\\t\\n\\f\\r"', '"\\u0001\\u001f"', '"/"'].map(same),
  other('"\\u00e9\\/\\u007f"', '"é/\x7f"'),
  other('"\\u0000"', '"\\u0000"'),
  ...['[]', '{}', '[[], {}]', '[1, "a", null, true, {"b": [2.0]}]'].map(same),
  other('{"bb":1,"a":2,"é":3,"":4}', '{"": 4, "a": 2, "bb": 1, "é": 3}'),
  other('{"a":1,"a":2}', '{"a": 2}'),
  other('{"a":{"b":{"c":[1,2,{"d":null}]}}}', '{"a": {"b": {"c": [1, 2, {"d": null}]}}}'),
  same(deep),
  same(large),
  same(many),
  ['CAST(1.50 AS JSON)', '1.50'],
  [
    "JSON_ARRAY(CAST('-12345678901234567890.0123456789' AS DECIMAL(65,30)))",
    '[-12345678901234567890.012345678900000000000000000000]',
  ],
  [
    "JSON_ARRAY(CAST('2024-02-29' AS DATE), CAST('2024-02-29 12:34:56.123' AS DATETIME(3)))",
    '["2024-02-29", "2024-02-29 12:34:56.123000"]',
  ],
  ["JSON_ARRAY(CAST('-838:59:58.5' AS TIME(1)), CAST('00:00:00' AS TIME))", '["-838:59:58.500000", "00:00:00.000000"]'],
  ["JSON_OBJECT('b', X'00ff10')", '{"b": "base64:type15:AP8Q"}'],
  ["JSON_ARRAY(b'101')", '["base64:type15:BQ=="]'],
  [
    "JSON_ARRAY(CAST(REPEAT('a', 60) AS BINARY))",
    `["base64:type15:${Buffer.from('a'.repeat(57)).toString('base64')}\\nYWFh"]`,
  ],
  [
    "JSON_ARRAY(CAST(REPEAT('a', 57) AS BINARY))",
    `["base64:type15:${Buffer.from('a'.repeat(57)).toString('base64')}"]`,
  ],
  ["JSON_ARRAY(TIMESTAMP'2024-01-01 00:00:00', 1e0, true)", '["2024-01-01 00:00:00.000000", 1.0, true]'],
]
