/**
 * Promises that ours keeps and `@vlasky/zongji` breaks, beyond those of test/contract/source.ts: side by side over one
 * server. They are the differences that test/support/mysql/differential/ lets pass. The day that a release of the package
 * mends one, its test fails and says so.
 */
import { describe, expect, it } from '@jest/globals'
import { itBreaks } from '../support/known-failure.ts'
import { describeFlavors } from '../support/mysql/flavors.ts'
import type { Flavor } from '../support/mysql/releases.ts'
import { readWith } from '../support/peers/two-readers.ts'

interface Case {
  readonly promise: string
  readonly flavors?: readonly Flavor[]
  readonly columns: string
  readonly setup?: readonly string[]
  readonly statements: readonly string[]
  /** What is to be handed over. */
  readonly lines: readonly string[]
}

const DOCUMENT = `{"a": 1, "b": "${'x'.repeat(200)}"}`

const CASES: readonly Case[] = [
  {
    promise: 'hands over what a compressed transaction changed',
    flavors: ['mysql'],
    columns: 'name varchar(20)',
    statements: ['SET SESSION binlog_transaction_compression = ON', "INSERT INTO item VALUES (1, 'a'), (2, 'b')"],
    lines: ['c 1|a', 'c 2|b'],
  },
  {
    promise: 'hands over nothing of an XA transaction that is rolled back',
    columns: 'name varchar(20)',
    statements: [
      ...["XA START 'a'", "INSERT INTO item VALUES (1, 'a')", "XA END 'a'", "XA PREPARE 'a'", "XA ROLLBACK 'a'"],
      "INSERT INTO item VALUES (2, 'b')",
    ],
    lines: ['c 2|b'],
  },
  {
    promise: 'hands over an update within a JSON document',
    flavors: ['mysql'],
    columns: 'doc json',
    setup: [`INSERT INTO item VALUES (1, '${DOCUMENT}')`],
    statements: [
      "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
      "UPDATE item SET doc = JSON_SET(doc, '$.a', 2)",
    ],
    lines: [`u 1|${DOCUMENT.replace('1', '2')}`],
  },
  {
    promise: 'tells a column that was not sent from one that is NULL',
    columns: 'a int, b varchar(20)',
    setup: ["INSERT INTO item VALUES (1, 1, 'kept')"],
    statements: ["SET SESSION binlog_row_image = 'MINIMAL'", 'UPDATE item SET a = 2'],
    lines: ['u 1|2|-'],
  },
  {
    promise: 'reads an update of which some columns were not sent',
    columns: 'a int, b int, c int, d int, e int, f int, g int, h blob',
    setup: ["INSERT INTO item VALUES (1, 1, 2, 3, 4, 5, 6, 7, 'kept')"],
    statements: ["SET SESSION binlog_row_image = 'NOBLOB'", 'UPDATE item SET a = NULL, g = 70'],
    lines: ['u 1|NULL|2|3|4|5|6|70|-'],
  },
  {
    promise: 'reads the columns beside a VECTOR',
    flavors: ['mysql'],
    columns: 'v vector(3), b varbinary(4)',
    statements: ["INSERT INTO item VALUES (1, STRING_TO_VECTOR('[1,2.5,-3]'), X'00ff')"],
    lines: ['c 1|{1,2.5,-3}|\\x00ff'],
  },
  {
    promise: 'reads the columns beside a place',
    flavors: ['mariadb'],
    columns: 'g geometry, name varchar(20) character set latin1',
    statements: ["INSERT INTO item VALUES (1, NULL, 'é')"],
    lines: ['c 1|NULL|é'],
  },
  {
    promise: 'hands over a place as the server has it, with its reference system',
    flavors: ['mysql'],
    columns: 'g point',
    statements: ["INSERT INTO item VALUES (1, ST_GeomFromText('POINT(1 2)', 4326))"],
    lines: ['c 1|\\xe610000001010000000000000000000040000000000000f03f'],
  },
  {
    promise: 'hands over a text of every character set',
    columns: 'name varchar(20) character set swe7',
    statements: ["INSERT INTO item VALUES (1, 'åäö')"],
    lines: ['c 1|åäö'],
  },
  {
    promise: 'hands over every byte of latin1 as the server reads it',
    columns: 'name varchar(20) character set latin1',
    statements: ["INSERT INTO item VALUES (1, X'61818d')"],
    lines: ['c 1|a\x81\x8d'],
  },
  {
    promise: 'hands over the empty text that the server prints for an ENUM of no label',
    columns: "e enum('a','b')",
    statements: ['INSERT INTO item VALUES (1, 0)'],
    lines: ['c 1|'],
  },
  {
    promise: 'hands over the year 0 as what it is',
    columns: 'y year',
    statements: ['INSERT INTO item VALUES (1, 0)'],
    lines: ['c 1|0'],
  },
  {
    promise: 'hands over JSON as the server prints it',
    flavors: ['mysql'],
    columns: 'doc json',
    statements: ['INSERT INTO item VALUES (1, \'{"b": 1.0, "a": [1e20]}\')'],
    lines: ['c 1|{"a": [1e20], "b": 1.0}'],
  },
  {
    promise: 'hands over an address as the server prints it',
    flavors: ['mariadb'],
    columns: 'a inet6',
    statements: ["INSERT INTO item VALUES (1, '2001:db8::1')"],
    lines: ['c 1|2001:db8::1'],
  },
]

/** Written while metadata was MINIMAL; the table is another one by the time that the row is read. */
const SWAPPED = {
  columns: 'a int, b int',
  statements: [
    "SET GLOBAL binlog_row_metadata = 'MINIMAL'",
    'INSERT INTO item VALUES (1, 10, 20)',
    'ALTER TABLE item RENAME COLUMN a TO b, RENAME COLUMN b TO a',
    "SET GLOBAL binlog_row_metadata = 'FULL'",
  ],
}

await describeFlavors((server, flavor) => {
  for (const { promise, flavors, lines, ...rest } of CASES) {
    if (flavors?.includes(flavor) === false) continue
    describe(promise, () => {
      it('ours', async () => expect((await readWith('ours', server(), rest)).lines).toEqual(lines))
      itBreaks('@vlasky/zongji', async () => expect((await readWith('zongji', server(), rest)).lines).toEqual(lines))
    })
  }

  describe('stops where a row does not say how its columns were called', () => {
    it('ours', async () => {
      await expect(readWith('ours', server(), SWAPPED)).rejects.toMatchObject({ code: 'BINLOG_METADATA' })
    })
    itBreaks('@vlasky/zongji', async () => {
      const { lines } = await readWith('zongji', server(), SWAPPED)
      // In the order that the columns have now: `b`, which was 20, then `a`.
      expect(lines).toEqual(['c 1|20|10'])
    })
  })
})
