import { DOCUMENTS } from './json-cases.ts'
import { FRACTIONS, INTEGERS } from './number-cases.ts'
import { TEXTS } from './text-cases.ts'
import { TIMES } from './time-cases.ts'
import { type TypeCase, typeCase } from './type-case.ts'

/** Every type of MySQL and MariaDB with its extremes. Sessions that write them have no `sql_mode`, and UTC. */

const MYSQL = { flavors: ['mysql'] } as const
const MARIADB = { flavors: ['mariadb'] } as const

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
  ...INTEGERS,
  ...FRACTIONS,
  ...TIMES,
  ...TEXTS,
  ...bytes,
  ...places,
  ...others,
]
