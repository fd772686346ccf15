import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { formatXid } from '../../../connectors/mysql/binlog/xid.ts'
import { foldName, type StatementFlags, tableName } from '../../../connectors/mysql/ddl/names.ts'
import { readStatement } from '../../../connectors/mysql/ddl/statement.ts'
import { ANSI, MARIADB, MYSQL, NO_ESCAPES, read } from '../../support/mysql/told.ts'

describe('names and quotes', () => {
  it('go by sql_mode', () => {
    expect(read('CREATE TABLE "a""b" (a int)', ANSI)).toBe('create-table d|a"b')
    expect(read('DROP TABLE "d\\"', ANSI)).toBe('drop-tables d|d\\')
    expect(read("ALTER TABLE t COMMENT '\\', RENAME TO x, COMMENT '\\'", MYSQL)).toBe('unknown')
    expect(read("ALTER TABLE t COMMENT '\\', RENAME TO x, COMMENT '\\'", NO_ESCAPES)).toBe('alter-table d|t to=d|x')
    expect(read("ALTER TABLE t COMMENT '\\'', RENAME TO x, COMMENT '\\''", MYSQL)).toBe('alter-table d|t to=d|x')
    expect(read("ALTER TABLE t COMMENT '\\'', RENAME TO x, COMMENT '\\''", NO_ESCAPES)).toBe('alter-table d|t')
    expect(read("ALTER TABLE t COMMENT '\\\\', RENAME TO x")).toBe('alter-table d|t to=d|x')
  })

  it('without a database cannot be told', () => {
    expect(read('DROP TABLE t', MYSQL, '')).toBe('unknown')
    expect(read('DROP TABLE e.t', MYSQL, '')).toBe('drop-tables e|t')
    expect(read('INSERT INTO t VALUES (1)', MYSQL, '')).toBe('dml ?')
    expect(read('DROP VIEW v', MYSQL, '')).toBe('other')
  })

  it("in MariaDB's own comments are MariaDB's alone", () => {
    const text = 'ALTER TABLE t ADD a INT /*M!100000 , RENAME TO u */'
    expect(read(text, MARIADB)).toBe('alter-table d|t to=d|u')
    expect(read(text, MYSQL)).toBe('alter-table d|t')
  })

  it('fold by lower_case_table_names, letter by letter', () => {
    expect(tableName('Db', 'T', 0)).toEqual({ database: 'Db', table: 'T' })
    expect(tableName('Db', 'T', 1)).toEqual({ database: 'db', table: 't' })
    expect(tableName('Db', 'T', 2)).toEqual({ database: 'db', table: 't' })
    expect(foldName('ΟΔΟΣ İÄ名', 1)).toBe('οδοσ iä名')
    const flags: StatementFlags = { ...MYSQL, lowerCaseTableNames: 1 }
    expect(read('RENAME TABLE A TO E.B', flags, 'D')).toBe('rename d|a>e|b')
    expect(read('DROP DATABASE X', flags)).toBe('drop-database x')
  })

  it('of XA transactions are as the server prints them', () => {
    expect(formatXid({ global: Buffer.from('ab'), branch: Buffer.from([0, 255]), format: 7 })).toBe("X'6162',X'00ff',7")
  })
})

describe('what is between the words', () => {
  const noise = fc.oneof(
    fc.constantFrom(
      ' ',
      '\n',
      '\t',
      '/**/',
      "/* ' */",
      '/* " ` -- */',
      '/* # \n */',
      '-- x \' "\n',
      '--\n',
      "# ` '\n",
      '#\n',
    ),
    fc.constantFrom('/* ; */', '/* DROP TABLE x */', '/*M */', '/* ! */', '-- */\n', '# /*\n', '/*+ SELECT */'),
  )
  const statements: readonly (readonly [string, readonly string[]])[] = [
    ['drop-tables a`b|c d|t ifExists', ['DROP', 'TABLE', 'IF', 'EXISTS', '`a``b`', '.', 'c', ',', '`t`']],
    ['rename d|a>d|/*! b', ['RENAME', 'TABLE', 'a', 'TO', '`/*! b`']],
    ['create-table d|t like=e|s', ['CREATE', 'TABLE', 't', '(', 'LIKE', 'e', '.', 's', ')']],
    ['alter-table d|t to=d|u', ['ALTER', 'TABLE', 't', 'COMMENT', "'a, ''b'' \\' -- #'", ',', 'RENAME', 'TO', 'u']],
    [
      'create-table d|t startsTransaction',
      ['CREATE', 'TABLE', 't', '(', 'a', 'ENUM', '(', '"x"""', ')', ')', 'START', 'TRANSACTION'],
    ],
    [
      'alter-table d|t touchesPartitions exchanged=d|x',
      ['ALTER', 'TABLE', 't', 'EXCHANGE', 'PARTITION', 'p', 'WITH', 'TABLE', 'x'],
    ],
    ["xa commit X'61',X'',1 onePhase", ['XA', 'COMMIT', "X'61'", ',', "X''", ',', '1', 'ONE', 'PHASE']],
  ]

  it('changes nothing: blanks, comments, and comments that are executed around any of them', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...statements),
        fc.array(fc.array(noise, { minLength: 1, maxLength: 3 }), { minLength: 15, maxLength: 15 }),
        fc.nat(14),
        fc.nat(14),
        fc.constantFrom('/*!', '/*!50000', '/*!100100 ', '/*! '),
        ([expected, words], noises, one, other, mark) => {
          const from = Math.min(one, other, words.length - 1)
          const to = Math.min(Math.max(one, other), words.length - 1)
          const pieces = words.map((word, i) => {
            const open = i === from ? `${mark} ` : ''
            const close = i === to ? ' */' : ''
            return `${open}${noises[i]!.join('')} ${word} ${close}`
          })
          const text = pieces.join('')
          for (const flags of [MYSQL, MARIADB]) expect(read(text, flags)).toBe(expected)
        },
      ),
      { numRuns: 1500 },
    )
  })

  it('case of keywords changes nothing', () => {
    for (const [expected, words] of statements) {
      const lower = words.map(word => (/^[A-Z]{2,}$/.test(word) ? word.toLowerCase() : word)).join(' ')
      expect(read(lower)).toBe(expected)
    }
  })

  it('any text is read without an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(readStatement(text, 'd', MARIADB).kind).toBeDefined()
      }),
    )
  })

  it('takes time in proportion to the text', () => {
    const parts = [
      '(',
      "'",
      '`',
      '/*',
      '/*!',
      '--',
      '#',
      '"',
      "''",
      '``',
      'SET STATEMENT x=1 FOR ',
      ',',
      'a.',
      '\\',
      '*/',
    ]
    const begun = performance.now()
    for (const part of parts)
      for (const head of ['', 'CREATE TABLE t ', 'ALTER TABLE t ', 'DROP TABLE ', 'SET STATEMENT '])
        expect(readStatement(head + part.repeat(30_000), 'd', MYSQL).kind).toBeDefined()
    expect(performance.now() - begun).toBeLessThan(10_000)
  })
})
