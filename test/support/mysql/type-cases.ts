import { DOCUMENTS } from './json-cases.ts'
import { type TypeCase, typeCase } from './type-case.ts'

/** Every type of MySQL and MariaDB with its extremes. Sessions that write them have no `sql_mode`, and UTC. */

const MYSQL = { flavors: ['mysql'] } as const
const MARIADB = { flavors: ['mariadb'] } as const

const integers: readonly TypeCase[] = [
  typeCase('tinyint', 'tinyint', 'int16', ['-128', '127', '0', '-1']),
  typeCase('tinyint(1)', 'tinyint', 'int16', ['-1', '0', '1', '127']),
  typeCase('boolean', 'tinyint', 'int16', ['0', '1']),
  typeCase('tinyint unsigned', 'tinyint unsigned', 'int16', ['0', '255', '128']),
  typeCase('smallint', 'smallint', 'int16', ['-32768', '32767', '-1']),
  typeCase('smallint unsigned', 'smallint unsigned', 'int32', ['65535', '32768']),
  typeCase('mediumint', 'mediumint', 'int32', ['-8388608', '8388607', '-1']),
  typeCase('mediumint unsigned', 'mediumint unsigned', 'int32', ['16777215', '8388608']),
  typeCase('int', 'int', 'int32', ['-2147483648', '2147483647', '0', '-1']),
  typeCase('int unsigned', 'int unsigned', 'int64', ['4294967295', '2147483648', '0']),
  typeCase('int(7) zerofill', 'int unsigned', 'int64', ['42', '0', '4294967295']),
  typeCase('bigint', 'bigint', 'int64', [
    ...['-9223372036854775808', '9223372036854775807', '0', '-1', '9007199254740993', '-9007199254740993'],
    ...['4294967296', '-4294967296', '1000000000', '-1000000000000000000'],
  ]),
  typeCase('bigint unsigned', 'bigint unsigned', 'uint64', [
    ...['18446744073709551615', '9223372036854775808', '0', '9007199254740993', '10000000000000000000'],
  ]),
  typeCase('bigint zerofill', 'bigint unsigned', 'uint64', ['7', '0', '18446744073709551615']),
  typeCase('year', 'year', 'int16', ['1901', '2155', ['0', '0'], ["'0'", '2000'], ['70', '1970']]),
  typeCase('bit(1)', 'bit(1)', 'bits', [
    ["b'1'", '1'],
    ["b'0'", '0'],
  ]),
  typeCase('bit(5)', 'bit(5)', 'bits', [
    ["b'10101'", '10101'],
    ["b'1'", '00001'],
  ]),
  typeCase('bit(16)', 'bit(16)', 'bits', [["b'1000000000000001'", '1000000000000001']]),
  typeCase('bit(64)', 'bit(64)', 'bits', [
    [`b'${'10'.repeat(32)}'`, '10'.repeat(32)],
    ['0', '0'.repeat(64)],
    ['18446744073709551615', '1'.repeat(64)],
  ]),
]

const decimal = (precision: number, scale: number) => ({ kind: 'decimal', precision, scale }) as const

const fractions: readonly TypeCase[] = [
  typeCase('decimal', 'decimal(10,0)', decimal(10, 0), ['0', '9999999999', '-9999999999', '1000000000', '-1']),
  typeCase('decimal(10,2)', 'decimal(10,2)', decimal(10, 2), ['0.00', '1.50', '-0.01', '99999999.99', '-99999999.99']),
  typeCase('decimal(10,2) unsigned', 'decimal(10,2) unsigned', decimal(10, 2), ['0.10', '99999999.99']),
  typeCase('decimal(10,2) zerofill', 'decimal(10,2) unsigned', decimal(10, 2), ['0.10', '1234567.89', '0.00']),
  typeCase('decimal(1,1)', 'decimal(1,1)', decimal(1, 1), ['0.1', '-0.9', '0.0']),
  typeCase('decimal(9,9)', 'decimal(9,9)', decimal(9, 9), ['0.000000001', '-0.999999999']),
  typeCase('decimal(65,0)', 'decimal(65,0)', decimal(65, 0), ['9'.repeat(65), `-${'9'.repeat(65)}`]),
  typeCase('decimal(65,30)', 'decimal(65,30)', decimal(65, 30), [
    `${'9'.repeat(35)}.${'9'.repeat(30)}`,
    `-${'1'.repeat(35)}.${'0'.repeat(29)}1`,
    `0.${'0'.repeat(29)}1`,
    `-1000000000.${'0'.repeat(30)}`,
    `1000000000000000000.000000001000000000000000000001`,
  ]),
  typeCase('decimal(65,38)', 'decimal(65,38)', decimal(65, 38), [`-${'9'.repeat(27)}.${'9'.repeat(38)}`], MARIADB),
  typeCase('decimal(20,3)', 'decimal(20,3)', decimal(20, 3), [['-0.0001', '0.000'], '12345678901234567.123']),
  typeCase('float', 'float', 'float32', [
    ...['0.1', '16777216', '-1.5', '3.4028235e38', '1.1754944e-38', '1e-45', '0.3333333', '16777200', '1234567'],
    ...['0.00001', '0.1234567', '1e15', '999999900000000', '0.00000000000001', '0', '33554430'],
  ]),
  typeCase('float unsigned', 'float unsigned', 'float32', ['0.1', '3.4028235e38']),
  typeCase('float(10,2)', 'float', 'float32', [
    ['1.5', '1.5'],
    ['0.1', '0.1'],
  ]),
  typeCase('float(10,3) zerofill', 'float unsigned', 'float32', ['1.5', '0']),
  typeCase('float(30)', 'double', 'float64', ['0.1']),
  typeCase('double', 'double', 'float64', [
    ...['0.1', '0.30000000000000004', '1.7976931348623157e308', '-1.7976931348623157e308', '5e-324'],
    ...[
      '2.2250738585072014e-308',
      '1e15',
      '1e-16',
      '100000000000000',
      '123456789012345.6',
      '1234567890123456.8',
      '1e23',
    ],
    ...['0.00000000000001', '0.000000000000001', '0.000001', '0.0000001', '0', '-1'],
    ['9007199254740993', '9.007199254740992e15'],
    ['5.684341886080802e-14', '0.00000000000005684341886080802'],
  ]),
  typeCase('double(20,3)', 'double', 'float64', ['1.5', '0.125', '100000']),
  typeCase('double unsigned zerofill', 'double unsigned', 'float64', ['42', '0.5']),
]

const times: readonly TypeCase[] = [
  typeCase('date', 'date', 'date', [
    '1000-01-01',
    '9999-12-31',
    '0000-00-00',
    '2024-00-00',
    '2024-02-00',
    '0001-01-01',
  ]),
  typeCase('time', 'time', { kind: 'time', precision: 0 }, [
    '838:59:59',
    '-838:59:59',
    '00:00:00',
    '-00:00:01',
    '100:00:00',
  ]),
  ...[1, 2, 3, 4, 5, 6].map(precision =>
    typeCase(`time(${precision})`, `time(${precision})`, { kind: 'time', precision }, [
      `23:59:59.${'9'.repeat(precision)}`,
      `-838:59:58.${'9'.repeat(precision)}`,
      `-00:00:00.${'0'.repeat(precision - 1)}1`,
      `-00:00:01.${'0'.repeat(precision)}`,
      `00:00:00.${'0'.repeat(precision)}`,
      `-12:34:56.${'123456'.slice(0, precision)}`,
    ]),
  ),
  typeCase('datetime', 'datetime', { kind: 'timestamp', precision: 0 }, [
    ...['1000-01-01 00:00:00', '9999-12-31 23:59:59', '0000-00-00 00:00:00', '2024-02-29 12:34:56'],
  ]),
  ...[1, 2, 3, 4, 5, 6].map(precision =>
    typeCase(`datetime(${precision})`, `datetime(${precision})`, { kind: 'timestamp', precision }, [
      `2024-02-29 23:59:59.${'9'.repeat(precision)}`,
      `0000-00-00 00:00:00.${'0'.repeat(precision)}`,
      `9999-12-31 01:02:03.${'012345'.slice(0, precision)}`,
    ]),
  ),
  typeCase('timestamp', 'timestamp', { kind: 'timestamptz', precision: 0 }, [
    ["'1970-01-01 00:00:01'", '1970-01-01 00:00:01+00'],
    ["'2038-01-19 03:14:07'", '2038-01-19 03:14:07+00'],
    ["'2024-02-29 23:59:59'", '2024-02-29 23:59:59+00'],
    '0000-00-00 00:00:00',
  ]),
  ...[1, 2, 3, 4, 5, 6].map(precision =>
    typeCase(`timestamp(${precision})`, `timestamp(${precision})`, { kind: 'timestamptz', precision }, [
      [
        `'2024-03-01 00:00:00.${'123456'.slice(0, precision)}'`,
        `2024-03-01 00:00:00.${'123456'.slice(0, precision)}+00`,
      ],
      `0000-00-00 00:00:00.${'0'.repeat(precision)}`,
    ]),
  ),
]

const EVERYDAY = ['', 'plain', 'é', 'ü ÿ', 'it\'s "quoted" \\ back', 'a\tb\nc\r\0d', '1'.repeat(30)]
const WIDE = [...EVERYDAY, '産品 \u{1f600}', '\ufeffbom', '\u2028\u00a0', 'é'.repeat(30)]

const texts: readonly TypeCase[] = [
  typeCase('varchar(40) character set utf8mb4', 'varchar(40)', 'text', [...WIDE, 'blanks   ']),
  typeCase('varchar(40) character set utf8mb3', 'varchar(40)', 'text', [...EVERYDAY, '産品']),
  typeCase('varchar(300) character set utf8mb4', 'varchar(300)', 'text', [...WIDE, '\u{1f600}'.repeat(300)]),
  typeCase('varchar(40) character set latin1', 'varchar(40)', 'text', [
    ...EVERYDAY,
    '€ ‚ƒ„ Ÿ',
    ["X'818d8f909d'", '\x81\x8d\x8f\x90\x9d'],
  ]),
  typeCase('varchar(40) character set ascii', 'varchar(40)', 'text', ['', 'plain', 'a\tb\0']),
  typeCase('varchar(40) character set latin2', 'varchar(40)', 'text', ['Žluťoučký kůň']),
  typeCase('varchar(40) character set cp1251', 'varchar(40)', 'text', ['Привет']),
  typeCase('varchar(40) character set swe7', 'varchar(40)', 'text', ['åäö plain']),
  typeCase('varchar(40) character set ucs2', 'varchar(40)', 'text', ['é産', '']),
  typeCase('varchar(40) character set utf16', 'varchar(40)', 'text', WIDE),
  typeCase('varchar(40) character set utf16le', 'varchar(40)', 'text', WIDE),
  typeCase('varchar(40) character set utf32', 'varchar(40)', 'text', WIDE),
  ...(
    [
      ['big5', '產品中文'],
      ['gbk', '产品中文'],
      ['gb2312', '产品中文'],
      ['euckr', '한국어 뷁'],
      ['sjis', '日本語ｱｲｳ'],
      ['cp932', '日本語ｱｲｳ①'],
      ['ujis', '日本語ｱｲｳ丂'],
      ['eucjpms', '日本語ｱｲｳ①丂'],
    ] as const
  ).map(([charset, text]) =>
    typeCase(`varchar(40) character set ${charset}`, 'varchar(40)', 'text', [text, 'plain', '']),
  ),
  typeCase('varchar(40) character set gb18030', 'varchar(40)', 'text', ['产品\u{1f600}', 'é\u0e01', ''], MYSQL),
  typeCase('char(5)', 'char(5)', 'text', [["'ab   '", 'ab'], '', 'abcde', ' a']),
  typeCase('char(255) character set utf8mb4', 'char(255)', 'text', ['é'.repeat(255), '\u{1f600}'.repeat(255), '']),
  typeCase('char(5) character set utf16', 'char(5)', 'text', [["'ab   '", 'ab'], '産品']),
  typeCase('tinytext', 'tinytext', 'text', EVERYDAY),
  typeCase('text character set utf8mb4', 'text', 'text', [...WIDE, ["REPEAT('x', 65535)", 'x'.repeat(65535)]]),
  typeCase('mediumtext character set utf8mb4', 'mediumtext', 'text', [
    ...WIDE,
    ["REPEAT('é', 70000)", 'é'.repeat(70000)],
  ]),
  typeCase('longtext character set utf8mb4', 'longtext', 'text', WIDE),
  typeCase(
    "enum('a','it''s','b,c','')",
    "enum('a','it''s','b,c','')",
    { kind: 'enum', labels: ['a', "it's", 'b,c', ''] },
    ['a', "it's", 'b,c', ['4', ''], ['0', '']],
  ),
  typeCase("enum('é','ü') character set latin1", "enum('é','ü')", { kind: 'enum', labels: ['é', 'ü'] }, ['é', 'ü']),
  typeCase(
    `enum('back\\\\slash','line\\nend','q"\`')`,
    `enum('back\\slash','line\nend','q"\`')`,
    { kind: 'enum', labels: ['back\\slash', 'line\nend', 'q"`'] },
    [
      ['1', 'back\\slash'],
      ['2', 'line\nend'],
      ['3', 'q"`'],
    ],
  ),
  typeCase("set('x','y''z','w')", "set('x','y''z','w')", 'text', ['', 'x', ["'w,x'", 'x,w'], "x,y'z,w"]),
  typeCase(
    `set(${Array.from({ length: 64 }, (_, i) => `'l${i}'`)})`,
    `set(${Array.from({ length: 64 }, (_, i) => `'l${i}'`)})`,
    'text',
    ['l0,l63', ['18446744073709551615', Array.from({ length: 64 }, (_, i) => `l${i}`).join()]],
  ),
  typeCase(
    'longtext character set utf8mb4 collate utf8mb4_bin check (json_valid(v))',
    'longtext',
    'text',
    ['{"a":1, "a":2}', '1.0'],
    MARIADB,
  ),
]

const hex = (digits: string): readonly [string, string] => [`X'${digits}'`, `\\x${digits}`]

const bytes: readonly TypeCase[] = [
  typeCase('binary(16)', 'binary(16)', 'bytes', [
    hex('00112233445566778899aabbccddeeff'),
    hex('00000000000000000000000000000000'),
    [`X'0102'`, `\\x0102${'00'.repeat(14)}`],
    hex('112233445566778899aabbccddee0000'),
  ]),
  typeCase('binary(4)', 'binary(4)', 'bytes', [hex('ffffff00'), hex('20202020'), [`''`, '\\x00000000']]),
  typeCase('varbinary(40)', 'varbinary(40)', 'bytes', [hex(''), hex('00ff0000'), hex('5c7820')]),
  typeCase('varbinary(300)', 'varbinary(300)', 'bytes', [hex(''), hex('00ff'.repeat(150))]),
  ...['tinyblob', 'blob', 'mediumblob', 'longblob'].map(name =>
    typeCase(name, name, 'bytes', [hex(''), hex('00ff5c780a'), hex('ab'.repeat(255))]),
  ),
]

const POINT = '0101000000000000000000f03f0000000000000040'
const place = (srid: string, text: string, wkb: string): readonly [string, string] => [
  srid === '00000000' ? `ST_GeomFromText('${text}')` : `ST_GeomFromText('${text}', 4326)`,
  `\\x${srid}${wkb}`,
]

const places: readonly TypeCase[] = [
  typeCase('geometry', 'geometry', 'bytes', [
    place('00000000', 'POINT(1 2)', POINT),
    place('00000000', 'LINESTRING(0 0,1 2)', `010200000002000000${'00'.repeat(16)}000000000000f03f0000000000000040`),
  ]),
  typeCase('point', 'point', 'bytes', [place('00000000', 'POINT(1 2)', POINT)]),
  typeCase('geometrycollection', 'geometrycollection', 'bytes', [
    place('00000000', 'GEOMETRYCOLLECTION(POINT(1 2))', `010700000001000000${POINT}`),
  ]),
  ...['linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon'].map(name =>
    typeCase(name, name, 'bytes', []),
  ),
]

const VECTOR = { kind: 'array', element: { kind: 'float32' } } as const

const others: readonly TypeCase[] = [
  typeCase('json', 'json', 'json', DOCUMENTS, MYSQL),
  typeCase(
    'vector(3)',
    'vector(3)',
    VECTOR,
    [
      ["STRING_TO_VECTOR('[1,2.5,-3]')", '{1,2.5,-3}'],
      ["STRING_TO_VECTOR('[0.1,0,-0.3333333]')", '{0.1,0,-0.3333333}'],
    ],
    { ...MYSQL, since: 900 },
  ),
  typeCase(
    'vector(3)',
    'vector(3)',
    VECTOR,
    [
      ["VEC_FromText('[1,2.5,-3]')", '{1,2.5,-3}'],
      ["VEC_FromText('[0.1,0,-0.5]')", '{0.1,0,-0.5}'],
    ],
    { ...MARIADB, since: 1107 },
  ),
  typeCase(
    'uuid',
    'uuid',
    'uuid',
    [
      ...[
        '123e4567-e89b-12d3-a456-426655440000',
        '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-7fff-bfff-ffffffffff00',
      ],
      ...[
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        'f47ac10b-58cc-4372-a567-0e02b2c3d479',
        '01890000-0000-7000-8000-000000000000',
      ],
    ],
    MARIADB,
  ),
  typeCase(
    'inet6',
    'inet6',
    'other',
    [
      ...['::', '::1', '2001:db8::1', '::ffff:1.2.3.4', '::1.2.3.4', 'fe80::', '1:0:0:2::3', '1:2:3:4:5:6:7:8'],
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      ["'2001:db8:0:1:1:1:1:1'", '2001:db8::1:1:1:1:1'],
      ["'1:2:3:4:5:6:7:0'", '1:2:3:4:5:6:7::'],
    ],
    MARIADB,
  ),
  typeCase('inet4', 'inet4', 'other', ['0.0.0.0', '255.255.255.255', '10.0.0.1', '1.2.3.0'], {
    ...MARIADB,
    since: 1010,
  }),
  typeCase('varchar(40) compressed', 'varchar(40)', 'text', ['', 'plain', '1'.repeat(40), 'é'], MARIADB),
  typeCase('varchar(400) compressed character set utf8mb4', 'varchar(400)', 'text', ['', 'é'.repeat(400)], MARIADB),
  typeCase('text compressed character set utf8mb4', 'text', 'text', ['', 'plain', 'é'.repeat(3000)], MARIADB),
  typeCase(
    'varbinary(400) compressed',
    'varbinary(400)',
    'bytes',
    [hex(''), hex('00'.repeat(400)), hex('00ff')],
    MARIADB,
  ),
  typeCase('longblob compressed', 'longblob', 'bytes', [hex(''), hex('00'.repeat(400)), hex('00ff')], MARIADB),
]

export const TYPE_CASES: readonly TypeCase[] = [
  ...integers,
  ...fractions,
  ...times,
  ...texts,
  ...bytes,
  ...places,
  ...others,
]
