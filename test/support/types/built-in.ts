import { numericTypmod, type TypeCase, typeCase } from './type-case.ts'

/** Every type that PostgreSQL 14 to 18 bring along, with its extremes, in the order of docs/types.md. */

export const LONG_NUMBER = `${'9'.repeat(600)}.${'1'.repeat(400)}`

const numbers: readonly TypeCase[] = [
  typeCase('boolean', 'bool', 'boolean', ['t', 'f']),
  typeCase('smallint', 'int2', 'int16', ['-32768', '32767', '0']),
  typeCase('integer', 'int4', 'int32', ['-2147483648', '2147483647', '0']),
  typeCase('bigint', 'int8', 'int64', [
    '9223372036854775807',
    '-9223372036854775808',
    '9007199254740993',
    '-9007199254740993',
    '0',
  ]),
  typeCase(
    'real',
    'float4',
    'float32',
    ['0.1', '-0', 'NaN', 'Infinity', '-Infinity', '3.4028235e+38', '1e-45', '1e+06', '16777216'].map(value =>
      value === '16777216' ? { write: value, text: '1.6777216e+07' } : value,
    ),
  ),
  typeCase('double precision', 'float8', 'float64', [
    '0.30000000000000004',
    '-0',
    'NaN',
    'Infinity',
    '-Infinity',
    '1.7976931348623157e+308',
    '5e-324',
    '1e+15',
    '123456789012345',
  ]),
  typeCase('numeric', 'numeric', 'decimal', [
    '1.50',
    'NaN',
    'Infinity',
    '-Infinity',
    { write: '-0.00', text: '0.00' },
    '-12345678901234567890.0123456789',
    LONG_NUMBER,
    `-0.${'0'.repeat(998)}1`,
  ]),
  typeCase(
    'numeric(38,10)',
    'numeric',
    { kind: 'decimal', precision: 38, scale: 10 },
    ['1234567890123456789012345678.0123456789', '-9999999999999999999999999999.9999999999', '0.0000000000'],
    { typmod: numericTypmod(38, 10) },
  ),
  typeCase(
    'numeric(5,-2)',
    'numeric',
    { kind: 'decimal', precision: 5, scale: -2 },
    [{ write: '1234567', text: '1234600' }],
    { typmod: numericTypmod(5, -2), since: 15 },
  ),
  typeCase('money', 'money', 'other', [
    { write: '-92233720368547758.08', text: '-$92,233,720,368,547,758.08' },
    { write: '1.50', text: '$1.50' },
  ]),
]

const texts: readonly TypeCase[] = [
  typeCase('text', 'text', 'text', [
    'é\u{1f600}',
    '',
    'NULL',
    '\\N',
    '\\.',
    `"'\\`,
    'tab\tnew\nline\rback\\slash\b\f\v\u0001\u007f',
    '\ufeffbyte order mark\ufeff',
    'e\u0301\u200d\u202e\u2028\uffff\u{10ffff}',
    ' blanks ',
  ]),
  typeCase('character varying(20)', 'varchar', 'text', ['twenty characters ok', '\u{1f600}']),
  typeCase('character(6)', 'bpchar', 'text', [
    { write: 'ab', text: 'ab    ' },
    { write: '', text: '      ' },
  ]),
  typeCase('name', 'name', 'text', ['a name', 'é'.repeat(31)]),
  typeCase('"char"', 'char', 'text', ['x', '', "'", '\t', '\\']),
  typeCase('bytea', 'bytea', 'bytes', ['\\x00ff5c780a', '\\x', '\\xefbbbf']),
  typeCase('bit(5)', 'bit', 'bits', ['10101', '00000'], { typmod: 5 }),
  typeCase('bit varying', 'varbit', 'bits', ['101010101', '', '0'.repeat(65)]),
  typeCase('uuid', 'uuid', 'uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']),
  typeCase('json', 'json', 'json', [
    '{"b": 1,  "a":12345678901234567890}',
    'null',
    '"\\u0000\\ud83d\\ude00"',
    '{"a":1, "a":2}',
    '1e400',
  ]),
  typeCase(
    'jsonb',
    'jsonb',
    'json',
    ['{"a": 12345678901234567890, "b": 1.50}', 'null', '"\ufeff"', '-0', '{}'].map(value =>
      value === '-0' ? { write: value, text: '0' } : value,
    ),
  ),
  typeCase('jsonpath', 'jsonpath', 'other', ['$."a"[*]?(@ > 1)']),
  typeCase('xml', 'xml', 'xml', ['<a b="c">d</a>', 'é &lt;', '']),
  typeCase('tsvector', 'tsvector', 'other', ["'a':1A 'fat':2 'it''s':3", '']),
  typeCase('tsquery', 'tsquery', 'other', ["'a' & 'b' <-> !'c':*", '']),
]

const times: readonly TypeCase[] = [
  typeCase('date', 'date', 'date', [
    '2024-02-29',
    'infinity',
    '-infinity',
    '4714-11-24 BC',
    '0001-01-01 BC',
    '5874897-12-31',
  ]),
  typeCase('time without time zone', 'time', 'time', ['12:34:56.789', '24:00:00', '00:00:00.000001']),
  typeCase('time(3) without time zone', 'time', { kind: 'time', precision: 3 }, ['23:59:59.999'], { typmod: 3 }),
  typeCase('time with time zone', 'timetz', 'timetz', [
    '12:00:00.5+05:30',
    '24:00:00-15:59',
    '00:00:00+00',
    '00:00:00+15:59:59',
    '01:02:03-00:00:15',
    '12:00:00+05',
  ]),
  typeCase('timestamp without time zone', 'timestamp', 'timestamp', [
    '2024-03-01 19:00:00.123456',
    'infinity',
    '-infinity',
    '294276-12-31 23:59:59.999999',
    '4714-11-24 00:00:00 BC',
    '0001-12-31 23:59:59.5 BC',
  ]),
  typeCase(
    'timestamp(0) without time zone',
    'timestamp',
    { kind: 'timestamp', precision: 0 },
    ['2024-03-01 19:00:00'],
    { typmod: 0 },
  ),
  typeCase('timestamp with time zone', 'timestamptz', 'timestamptz', [
    { write: '2024-03-02 00:00:00.5+05', text: '2024-03-01 19:00:00.5+00' },
    'infinity',
    '-infinity',
    '294276-12-31 23:59:59.999999+00',
    '4714-11-24 00:00:00+00 BC',
    '0001-01-01 00:00:00+00 BC',
  ]),
  typeCase('interval', 'interval', 'interval', [
    { write: '1 year 2 mons 3 days 04:05:06.789', text: 'P1Y2M3DT4H5M6.789S' },
    { write: '00:00:00', text: 'PT0S' },
    { write: '-178000000 years', text: 'P-178000000Y' },
    { write: '1 year -2 days +3 hours -0.000001 seconds', text: 'P1Y-2DT2H59M59.999999S' },
    { write: '-2562047788:00:54.775807', text: 'PT-2562047788H-54.775807S', since: 15 },
    { write: 'infinity', since: 17 },
    { write: '-infinity', since: 17 },
  ]),
]

const places: readonly TypeCase[] = [
  typeCase('inet', 'inet', 'other', ['192.168.0.1/24', '::1', '0.0.0.0/0']),
  typeCase('cidr', 'cidr', 'other', ['10.0.0.0/8', '2001:db8::/32']),
  typeCase('macaddr', 'macaddr', 'other', ['08:00:2b:01:02:03']),
  typeCase('macaddr8', 'macaddr8', 'other', ['08:00:2b:01:02:03:04:05']),
  typeCase('point', 'point', 'other', ['(1,-0.5)', '(-0,NaN)', '(Infinity,0.30000000000000004)']),
  typeCase('line', 'line', 'other', ['{1,-1,0.5}']),
  typeCase('lseg', 'lseg', 'other', ['[(0,0),(1,1)]']),
  typeCase('box', 'box', 'other', ['(3,4),(1,2)'], { delimiter: ';' }),
  typeCase('path', 'path', 'other', ['[(0,0),(1,1)]', '((0,0),(1,1))']),
  typeCase('polygon', 'polygon', 'other', ['((0,0),(1,1),(1,0))']),
  typeCase('circle', 'circle', 'other', ['<(1,2),3>']),
]

const ranges: readonly TypeCase[] = [
  typeCase('int4range', 'int4range', 'other', ['[1,5)', 'empty', '(,)']),
  typeCase('int8range', 'int8range', 'other', ['[-9223372036854775808,9223372036854775807)']),
  typeCase('numrange', 'numrange', 'other', ['(1.50,NaN]']),
  typeCase('daterange', 'daterange', 'other', ['[2024-01-01,infinity)', '["4714-11-24 BC","0001-01-01 BC")']),
  typeCase('tsrange', 'tsrange', 'other', ['["2024-01-01 00:00:00","294276-12-31 23:59:59.999999"]']),
  typeCase('tstzrange', 'tstzrange', 'other', ['["2024-01-01 00:00:00+00",)']),
  typeCase('int4multirange', 'int4multirange', 'other', ['{[1,3),[5,7)}', '{}']),
  typeCase('int8multirange', 'int8multirange', 'other', ['{[1,3),[5,)}']),
  typeCase('nummultirange', 'nummultirange', 'other', ['{[1.0,2.00]}']),
  typeCase('datemultirange', 'datemultirange', 'other', ['{[2024-01-01,2024-02-01)}']),
  typeCase('tsmultirange', 'tsmultirange', 'other', ['{["2024-01-01 00:00:00","2024-02-01 00:00:00")}']),
  typeCase('tstzmultirange', 'tstzmultirange', 'other', ['{["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")}']),
]

const system: readonly TypeCase[] = [
  typeCase('oid', 'oid', 'int64', ['4294967295', '0']),
  typeCase('pg_lsn', 'pg_lsn', 'other', ['16/B374D848', 'FFFFFFFF/FFFFFFFF']),
  typeCase('xid', 'xid', 'other', ['4294967295']),
  typeCase('xid8', 'xid8', 'other', ['18446744073709551615']),
  typeCase('cid', 'cid', 'other', ['0']),
  typeCase('tid', 'tid', 'other', ['(4294967295,65535)']),
  typeCase('txid_snapshot', 'txid_snapshot', 'other', ['10:20:10,14,15']),
  typeCase('pg_snapshot', 'pg_snapshot', 'other', ['10:20:10,14,15']),
  typeCase('int2vector', 'int2vector', 'other', ['1 -2 3', '']),
  typeCase('oidvector', 'oidvector', 'other', ['1 2 4294967295']),
  typeCase('refcursor', 'refcursor', 'other', ['a cursor']),
  typeCase('aclitem', 'aclitem', 'other', ['postgres=r*w/postgres', '=r/postgres']),
  typeCase('regclass', 'regclass', 'other', [
    { write: 'pg_catalog.pg_class', text: 'pg_class' },
    'public.tricky',
    '-',
    '4294967295',
  ]),
  typeCase('regcollation', 'regcollation', 'other', [{ write: 'pg_catalog."C"', text: '"C"' }]),
  typeCase('regconfig', 'regconfig', 'other', [{ write: 'pg_catalog.english', text: 'english' }]),
  typeCase('regdictionary', 'regdictionary', 'other', [{ write: 'pg_catalog.simple', text: 'simple' }]),
  typeCase('regnamespace', 'regnamespace', 'other', ['pg_catalog']),
  typeCase('regoper', 'regoper', 'other', [{ write: 'pg_catalog.||/', text: '||/' }]),
  typeCase('regoperator', 'regoperator', 'other', [
    { write: 'pg_catalog.+(pg_catalog.int4,pg_catalog.int4)', text: '+(integer,integer)' },
  ]),
  typeCase('regproc', 'regproc', 'other', [{ write: 'pg_catalog.now', text: 'now' }]),
  typeCase('regprocedure', 'regprocedure', 'other', [
    { write: 'pg_catalog.lower(pg_catalog.text)', text: 'lower(text)' },
  ]),
  typeCase('regrole', 'regrole', 'other', ['postgres']),
  typeCase('regtype', 'regtype', 'other', [{ write: 'pg_catalog.int4', text: 'integer' }]),
]

/** Types that take no input: a column of them holds only nulls, unless someone copies from the catalog. */
const closed: readonly TypeCase[] = [
  'gtsvector',
  'pg_brin_bloom_summary',
  'pg_brin_minmax_multi_summary',
  'pg_dependencies',
  'pg_mcv_list',
  'pg_ndistinct',
  'pg_node_tree',
].map(name => typeCase(name, name, 'other', []))

export const BUILT_IN: readonly TypeCase[] = [
  ...numbers,
  ...texts,
  ...times,
  ...places,
  ...ranges,
  ...system,
  ...closed,
]
