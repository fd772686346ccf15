import { describe, expect, it } from '@jest/globals'
import { CellOutput } from '../../../connectors/mysql/values/cell-output.ts'
import { keyLiteral, rawKeyLiteral } from '../../../connectors/mysql/values/key-literal.ts'
import { selectExpression, textReader } from '../../../connectors/mysql/values/snapshot-cells.ts'
import { cellText } from '../../../runtime/record/cells.ts'
import { paperCharsets } from '../../support/mysql/paper-charsets.ts'

const charsets = await paperCharsets('mysql')

/** The cell of a value of a SELECT. */
function selected(declared: string, value: Buffer | string, charset?: string): string | null {
  const content = Buffer.from(value)
  const out = new CellOutput()
  const reader = textReader(declared, charset === undefined ? undefined : charsets.writer(charset, 'c'))
  reader.read(Buffer.concat([Buffer.from('<'), content, Buffer.from('>')]), 1, content.length, out)
  return cellText(out.bytes, 0, out.at)
}

describe('a value of a SELECT', () => {
  it.each([
    ['int unsigned', '00042', '42'],
    ['int', '-42', '-42'],
    ['bigint unsigned', '00000000000000000000', '0'],
    ['year', '0000', '0'],
    ['year', '2024', '2024'],
    ['decimal(10,2) unsigned', '00000012.50', '12.50'],
    ['decimal(10,2) unsigned', '00000000.00', '0.00'],
    ['decimal(10,2)', '-0.50', '-0.50'],
    ['float', '0.10000000149011612', '0.1'],
    ['float', '-0', '-0'],
    ['double', '1.7976931348623157e308', '1.7976931348623157e308'],
    ['timestamp(3)', '2024-01-02 03:04:05.120', '2024-01-02 03:04:05.120+00'],
    ['timestamp', '0000-00-00 00:00:00', '0000-00-00 00:00:00'],
    ['datetime', '2024-01-02 03:04:05', '2024-01-02 03:04:05'],
    ['time', '-838:59:59', '-838:59:59'],
    ['json', '{"a": 1}', '{"a": 1}'],
    ['uuid', '123e4567-e89b-12d3-a456-426655440000', '123e4567-e89b-12d3-a456-426655440000'],
  ])('%s %s is the cell of the binary log', (declared, value, text) => {
    expect(selected(declared, value)).toBe(text)
  })

  it('of bits and bytes is theirs', () => {
    expect(selected('bit(5)', Buffer.from([0b101]))).toBe('00101')
    expect(selected('bit(9)', Buffer.from([1, 2]))).toBe('100000010')
    expect(selected('varbinary(4)', Buffer.from([0, 0xff]))).toBe('\\x00ff')
    expect(selected('point', Buffer.from('00000000', 'hex'))).toBe('\\x00000000')
    expect(selected('vector(1)', Buffer.from('0000803f', 'hex'))).toBe('{1}')
  })

  it('of text goes through its own character set, like that of the log', () => {
    expect(selected('varchar(4)', Buffer.from([0xe9]), 'latin1')).toBe('é')
    expect(selected('varchar(4)', 'é', 'utf8mb4')).toBe('é')
    expect(selected('varchar(4)', Buffer.from([0x61, 0xff]), 'utf8mb4')).toBe('\\x61ff')
    expect(selectExpression('varchar(4)', '`c`', 'latin1')).toBe('CAST(`c` AS BINARY)')
    expect(selectExpression("enum('a')", '`c`', 'utf8mb4')).toBe('`c`')
    expect(selectExpression('float unsigned', '`c`', undefined)).toBe('`c` * 1e0')
    expect(selectExpression('decimal(10,2)', '`c`', undefined)).toBe('`c`')
  })
})

describe('a literal of a key', () => {
  it.each([
    ['int', '-42', '-42'],
    ['bigint unsigned', '18446744073709551615', '18446744073709551615'],
    ['decimal(10,2)', '-0.50', '-0.50'],
    ['float', '0.1', '1.0000000149011612e-1'],
    ['double', '0.1', '1e-1'],
    ['double', '-0', '-0e0'],
    ['double', '1.5e300', '1.5e300'],
    ['bit(5)', '00101', '5'],
    ['bit(64)', '1'.repeat(64), '18446744073709551615'],
    ['date', '0000-00-00', "'0000-00-00'"],
    ['time(1)', '-838:59:58.5', "'-838:59:58.5'"],
    ['timestamp', '2024-01-02 03:04:05+00', "'2024-01-02 03:04:05'"],
    ['binary(2)', '\\x00ff', "X'00ff'"],
    ['varchar(9)', "it's\\", "_utf8mb4 X'697427735c'"],
    ["enum('a','b')", 'b', '2'],
    ["enum('a','b')", '', '0'],
    ["set('a','b','c')", 'a,c', '5'],
    ["set('a','b','c')", '', '0'],
    ['uuid', '123e4567-e89b-12d3-a456-426655440000', "'123e4567-e89b-12d3-a456-426655440000'"],
    ['inet6', '::ffff:1.2.3.4', "'::ffff:1.2.3.4'"],
  ])('of %s %s is %s', (declared, text, literal) => {
    expect(keyLiteral(declared, text)).toBe(literal)
  })

  it('holds nothing but a value of its type', () => {
    const hostile = "1' OR 1=1 -- "
    const types = [
      'int',
      'decimal(10,2)',
      'float',
      'double',
      'bit(5)',
      'date',
      'time',
      'timestamp',
      'blob',
      'uuid',
      'json',
    ]
    for (const declared of types)
      expect(() => keyLiteral(declared, hostile)).toThrow(expect.objectContaining({ code: 'KEY_UNSUPPORTED' }))
    expect(keyLiteral('varchar(9)', hostile)).toMatch(/^_utf8mb4 X'[0-9a-f]*'$/)
    expect(rawKeyLiteral(Buffer.from([0x61, 0xff]))).toBe("X'61ff'")
  })

  it('is none for a label that its column does not have, nor for an empty one, which may be no label at all', () => {
    for (const [declared, text] of [
      ["enum('a')", 'b'],
      ["enum('a','')", ''],
      ["set('a')", 'a,b'],
    ] as const)
      expect(() => keyLiteral(declared, text)).toThrow(expect.objectContaining({ code: 'KEY_UNSUPPORTED' }))
  })
})
