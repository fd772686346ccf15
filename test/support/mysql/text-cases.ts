import { type TypeCase, typeCase } from './type-case.ts'

/** Text in every kind of character set, and labels. */

const MYSQL = { flavors: ['mysql'] } as const
const MARIADB = { flavors: ['mariadb'] } as const

const EVERYDAY = ['', 'plain', 'é', 'ü ÿ', 'it\'s "quoted" \\ back', 'a\tb\nc\r\0d', '1'.repeat(30)]
const WIDE = [...EVERYDAY, '産品 \u{1f600}', '\ufeffbom', '\u2028\u00a0', 'é'.repeat(30)]

export const TEXTS: readonly TypeCase[] = [
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
