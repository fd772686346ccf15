import { type TypeCase, typeCase } from './type-case.ts'

/** Dates and times with their extremes. */
export const TIMES: readonly TypeCase[] = [
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
