import { type TypeCase, typeCase, type Value } from './type-case.ts'
import { TYPE_CASES } from './type-cases.ts'

/** Types that a primary key can be of. */
export interface KeyCase extends TypeCase {
  /** Only so many characters, or bytes, of the value are in the key. */
  readonly prefix: number | undefined
}

const MYSQL = { flavors: ['mysql'] } as const
const MARIADB = { flavors: ['mariadb'] } as const

const WORDS = ['', 'a', 'B', 'c', '_', 'Z', 'z', 'é', 'f', '0', '10', '9', 'a b', 'ab', 'a\tb']

/** Where neighbours are close, and where order is that of numbers, of a collation or of bytes. */
const NEIGHBOURS: readonly TypeCase[] = [
  typeCase('bit(64)', 'bit(64)', 'bits', [
    ...['1'.repeat(64), `${'1'.repeat(63)}0`, `${'1'.repeat(62)}01`, `1${'0'.repeat(63)}`, `1${'0'.repeat(62)}1`].map(
      bits => [`b'${bits}'`, bits] as const,
    ),
  ]),
  typeCase('bigint', 'bigint', 'int64', [
    '9007199254740992',
    '9007199254740993',
    '9007199254740994',
    '-9007199254740993',
  ]),
  typeCase('bigint unsigned', 'bigint unsigned', 'uint64', [
    '18446744073709551613',
    '18446744073709551614',
    '18446744073709551615',
  ]),
  typeCase('year', 'year', 'int16', [['0', '0'], ["'0'", '2000'], '1901', '2155', '1999', '2001', '1970', '2069']),
  typeCase('decimal(30,10)', 'decimal(30,10)', { kind: 'decimal', precision: 30, scale: 10 }, [
    ...['12345678901234567890.0000000001', '12345678901234567890.0000000002', '12345678901234567890.0000000000'],
    ...['-0.0000000001', '0.0000000000', '10.0000000000', '9.0000000000'],
  ]),
  typeCase('float', 'float', 'float32', [
    '0.1',
    '0.10000001',
    '0.099999994',
    '16777216',
    '16777218',
    '-0.1',
    '100',
    '9',
  ]),
  typeCase('double', 'double', 'float64', [
    '0.1',
    '0.10000000000000002',
    '0.09999999999999999',
    '1e300',
    '-1e300',
    '9',
  ]),
  typeCase('time(3)', 'time(3)', { kind: 'time', precision: 3 }, [
    ...[
      '-838:59:58.999',
      '838:59:58.999',
      '100:00:00.000',
      '99:00:00.000',
      '-00:00:00.001',
      '00:00:00.000',
      '-100:00:00.000',
    ],
  ]),
  typeCase(
    "enum('z','y','x','10','9','a','1')",
    "enum('z','y','x','10','9','a','1')",
    { kind: 'enum', labels: ['z', 'y', 'x', '10', '9', 'a', '1'] },
    [...['a', 'x', 'y', 'z'], ...["'10'", "'9'", "'1'"].map(sql => [sql, sql.slice(1, -1)] as const), ['0', '']],
  ),
  typeCase("set('z','y','x','10')", "set('z','y','x','10')", 'text', [
    '',
    'z',
    'y',
    'z,y',
    'x',
    'z,x',
    ["'10'", '10'],
    'z,10',
  ]),
  typeCase(
    `set(${Array.from({ length: 64 }, (_, i) => `'l${63 - i}'`)})`,
    `set(${Array.from({ length: 64 }, (_, i) => `'l${63 - i}'`)})`,
    'text',
    [
      ['9223372036854775808', 'l0'],
      ['9223372036854775809', 'l63,l0'],
      ['9223372036854775810', 'l62,l0'],
      ['9223372036854775811', 'l63,l62,l0'],
      ['1', 'l63'],
    ],
  ),
  ...[
    'utf8mb4_general_ci',
    'utf8mb4_bin',
    'utf8mb4_unicode_ci',
    'latin1_swedish_ci',
    'latin1_general_cs',
    'latin1_bin',
    'utf16_unicode_ci',
  ].map(collation => typeCase(`varchar(40) collate ${collation}`, 'varchar(40)', 'text', WORDS)),
  ...[
    'utf8mb4_0900_ai_ci',
    'utf8mb4_0900_as_cs',
    'utf8mb4_0900_bin',
    'utf8mb4_ja_0900_as_cs',
    'utf8mb4_de_pb_0900_ai_ci',
  ].map(collation =>
    typeCase(
      `varchar(40) collate ${collation}`,
      'varchar(40)',
      'text',
      [...WORDS, 'blanks', 'blanks ', 'blanks  '],
      MYSQL,
    ),
  ),
  ...['utf8mb4_nopad_bin', 'utf8mb4_unicode_nopad_ci', 'uca1400_ai_ci', 'utf8mb4_uca1400_as_cs'].map(collation =>
    typeCase(
      `varchar(40) character set utf8mb4 collate ${collation}`,
      'varchar(40)',
      'text',
      [...WORDS, 'blanks', 'blanks '],
      MARIADB,
    ),
  ),
  typeCase('varchar(40) character set ascii', 'varchar(40)', 'text', [
    'a',
    'b',
    ["X'61ff'", '\\x61ff'],
    ["X'62ff'", '\\x62ff'],
    'c',
  ]),
  typeCase('char(10) collate latin1_german1_ci', 'char(10)', 'text', WORDS),
  typeCase(
    'varchar(700) character set utf8mb4',
    'varchar(700)',
    'text',
    ['c', 'a', 'd', 'b'].map(end => `${'x'.repeat(690)}${end}`),
  ),
  typeCase(
    'varbinary(3000)',
    'varbinary(3000)',
    'bytes',
    ['03', '01', '04', '02', '0100'].map(
      end => [`X'${'ab'.repeat(2900)}${end}'`, `\\x${'ab'.repeat(2900)}${end}`] as const,
    ),
  ),
  typeCase(
    'binary(4)',
    'binary(4)',
    'bytes',
    ['00000000', '00000100', 'ff000000', '20202020', '00000001'].map(hex => [`X'${hex}'`, `\\x${hex}`] as const),
  ),
]

/** Beyond it a statement that names the key twice or thrice is larger than some servers take. */
const LONGEST = 60_000

/** Only a prefix of these can be in a key. */
const LONG = /^(tiny|medium|long)?(text|blob)\b/
/** In no primary key at all. */
const NONE = /^(json|vector|geometry|point|linestring|polygon|multi\w+|geometrycollection)\b|\bcompressed\b|check/

export const KEY_CASES: readonly KeyCase[] = [...TYPE_CASES, ...NEIGHBOURS]
  .filter(({ ddl, values }) => !NONE.test(ddl) && values.length > 0)
  .map(of => ({ ...of, values: of.values.filter(value => isKey(of, value)) }))
  .map(of => ({ ...of, prefix: LONG.test(of.ddl) ? 60 : undefined }))

/** An empty text that is a label cannot be told from no label. */
function isKey({ logical }: TypeCase, { text }: Value): boolean {
  return text.length < LONGEST && !(text === '' && logical.kind === 'enum' && logical.labels.includes(''))
}
