import { type TypeCase, typeCase } from './type-case.ts'

/** Numbers with their extremes. */

const MARIADB = { flavors: ['mariadb'] } as const

export const INTEGERS: readonly TypeCase[] = [
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

export const FRACTIONS: readonly TypeCase[] = [
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
