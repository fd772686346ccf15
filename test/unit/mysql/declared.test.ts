import { describe, expect, it } from '@jest/globals'
import { canonicalDeclared, fits, parseDeclared } from '../../../connectors/mysql/values/declared.ts'
import { logicalTypeOf } from '../../../connectors/mysql/values/logical-type.ts'
import { TYPE_CASES } from '../../support/mysql/type-cases.ts'

describe('the type of a column', () => {
  it.each([
    ['int(10) unsigned', 'int unsigned'],
    ['int(5) unsigned zerofill', 'int unsigned'],
    ['tinyint(1)', 'tinyint'],
    ['year(4)', 'year'],
    ['float(10,2) unsigned', 'float unsigned'],
    ['double(20,3)', 'double'],
    ['decimal(10,2) unsigned zerofill', 'decimal(10,2) unsigned'],
    ['datetime(0)', 'datetime'],
    ['timestamp /* mariadb-5.3 */', 'timestamp'],
    ['varchar(40) /*M!100301 COMPRESSED*/', 'varchar(40)'],
    ['geomcollection', 'geometrycollection'],
    ["enum('a','it''s','b,c','')", "enum('a','it''s','b,c','')"],
    [
      "enum('back\\\\slash','line\\nend','nul\\0','cr\\r','\\\\n')",
      "enum('back\\slash','line\nend','nul\0','cr\r','\\n')",
    ],
    ["set('unsigned','(1)')", "set('unsigned','(1)')"],
  ])('%s is %s', (columnType, declared) => {
    expect(canonicalDeclared(columnType, 'mysql')).toBe(declared)
    expect(canonicalDeclared(declared.includes('\\') ? columnType : declared, 'mysql')).toBe(declared)
  })

  it('has labels as they are', () => {
    const labels = ['a', "it's", 'b,c', '', "','", 'x unsigned']
    const declared = `enum(${labels.map(label => `'${label.replaceAll("'", "''")}'`).join(',')})`
    expect(parseDeclared(declared)).toEqual({ name: 'enum', unsigned: false, numbers: [], labels })
  })

  it('means what every type of both servers means', () => {
    for (const { declared, logical } of TYPE_CASES)
      expect([declared, logicalTypeOf(declared)]).toEqual([declared, logical])
  })

  it('fits what the log shows of it, and nothing else', () => {
    const fitting = [
      ['int', 'int'],
      ['uuid', 'binary(16)'],
      ['inet6', 'binary(16)'],
      ['inet4', 'binary(4)'],
      ['vector(3)', 'varbinary(12)'],
      ["enum('?','b')", "enum('\u{1f600}','b')"],
    ] as const
    for (const [declared, wire] of fitting) expect([declared, fits(declared, wire)]).toEqual([declared, true])
    const others = [
      ['int', 'int unsigned'],
      ['binary(16)', 'uuid'],
      ['uuid', 'binary(4)'],
      ['timestamp(3)', 'timestamp'],
      ['vector(3)', 'varbinary(3)'],
      ["enum('a','b')", "enum('b','a')"],
      ["enum('?')", "enum('x')"],
    ] as const
    for (const [declared, wire] of others) expect([declared, fits(declared, wire)]).toEqual([declared, false])
  })
})
