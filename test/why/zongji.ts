/** Changes that the package loses or gets wrong, and ours does not: one server, two readers, the same statements. */
import { readFileSync } from 'node:fs'
import { type MysqlServer, startMysql } from '../support/mysql/server.ts'
import { type Read, readWith } from '../support/peers/two-readers.ts'
import type { Why } from './main.ts'

const PEER = '@vlasky/zongji'
const OURS = 'Tailrace'
const WIDTH = 17

// Its package.json is not among what it exports.
const about = new URL('package.json', import.meta.resolve('@vlasky/zongji'))
const { version } = JSON.parse(readFileSync(about, 'utf8')) as { version: string }

interface Scene {
  readonly title: string
  readonly columns: string
  readonly setup: readonly string[]
  readonly statements: readonly string[]
  /** What the database holds then. */
  readonly truth: string
  /** What a reader's lines say, for a person. */
  readonly tell: (read: Read) => string
  readonly isRight: (read: Read) => boolean
  readonly why: string
}

const DOCUMENT = JSON.stringify({ status: 'placed', note: 'x'.repeat(200) })
const nothing = 'NOTHING'

const SCENES: readonly Scene[] = [
  {
    title: 'A transaction is written compressed (a setting of the session)',
    columns: 'name varchar(20)',
    setup: [],
    statements: [
      'SET SESSION binlog_transaction_compression = ON',
      "INSERT INTO item VALUES (1, 'kettle'), (2, 'lamp')",
    ],
    truth: '2 new rows',
    tell: ({ lines }) => (lines.length === 0 ? nothing : `${lines.length} new rows`),
    isRight: ({ lines }) => lines.length === 2,
    why: 'It reports that once, and its GTID set moves on over every such transaction: a restart does not bring them.',
  },
  {
    title: 'A document is updated within (binlog_row_value_options = PARTIAL_JSON, also of the session)',
    columns: 'doc json',
    setup: [`INSERT INTO item VALUES (1, '${DOCUMENT}')`],
    statements: [
      "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
      "UPDATE item SET doc = JSON_SET(doc, '$.status', 'shipped')",
    ],
    truth: 'shipped',
    tell: ({ lines }) =>
      lines.length === 0 ? nothing : lines.some(line => line.includes('shipped')) ? 'shipped' : lines[0]!,
    isRight: ({ lines }) => lines.some(line => line.includes('shipped')),
    why: 'The same: one report, then silence, and the GTID set moves on.',
  },
  {
    title: 'An update sends only what changed (binlog_row_image = MINIMAL, again of the session)',
    columns: 'stock int, name varchar(20)',
    setup: ["INSERT INTO item VALUES (1, 7, 'kettle')"],
    statements: ["SET SESSION binlog_row_image = 'MINIMAL'", 'UPDATE item SET stock = 6'],
    truth: 'stock 6, name kettle',
    tell: ({ lines }) => {
      const [, stock, name] = (lines[0] ?? '').split('|')
      return `stock ${stock}, name ${name === '-' ? 'not sent' : name}`
    },
    isRight: ({ lines }) => lines[0] === 'u 1|6|-',
    why: 'A column that was not sent is told as NULL: whoever stores it wipes the name. Ours tells the two apart, and its log completes the row.',
  },
  {
    title: 'A table has a VECTOR (MySQL 9)',
    columns: 'v vector(3), code varbinary(4)',
    setup: [],
    statements: ["INSERT INTO item VALUES (1, STRING_TO_VECTOR('[1,2.5,-3]'), X'00ff')"],
    truth: 'code 00ff',
    tell: ({ lines }) =>
      lines.length === 0 ? nothing : `code ${lines[0]!.split('|')[2]!.replace(/^\\x/, '').slice(0, 24)}`,
    isRight: ({ lines }) => lines[0]?.endsWith('|\\x00ff') === true,
    why: 'It passes over the type but not over its bytes: the columns behind it are read from the wrong place.',
  },
  {
    title: 'Rows are read after their table was altered, with binlog_row_metadata at its default, MINIMAL',
    columns: 'net int, gross int',
    setup: [],
    statements: [
      "SET GLOBAL binlog_row_metadata = 'MINIMAL'",
      'INSERT INTO item VALUES (1, 100, 119)',
      'ALTER TABLE item RENAME COLUMN net TO gross, RENAME COLUMN gross TO net',
      "SET GLOBAL binlog_row_metadata = 'FULL'",
    ],
    truth: 'net 100, gross 119',
    tell: ({ lines, failure }) => {
      if (failure !== undefined) return `stops: ${failure}`
      // The columns are gross and net, in this order, by now.
      const [, gross, net] = (lines[0] ?? '').split('|')
      return `net ${net}, gross ${gross}`
    },
    isRight: ({ failure }) => failure === 'BINLOG_METADATA',
    why: 'It asks today’s catalog for the names of yesterday’s columns. Ours takes them from the event, and stops where it has none.',
  },
]

const why: Why = async say => {
  await using server = await startMysql({ flavor: 'mysql' })
  const [row] = await server.query('SELECT VERSION() AS version')
  say(`A MySQL ${row!.version} with GTIDs. Two readers go on behind a restart, and read what was written meanwhile:`)
  say(`  ${PEER.padEnd(WIDTH)}release ${version}, its errors noted as its README shows, with its most exact options`)
  say(`  ${OURS.padEnd(WIDTH)}its MySQL source`)
  let isShown = true
  for (const [i, scene] of SCENES.entries()) {
    const theirs = await read('zongji', server, scene)
    const own = await read('ours', server, scene)
    say()
    say(`${i + 1}. ${scene.title}:`)
    say(`     ${'the database'.padEnd(WIDTH)}${scene.truth}`)
    for (const [name, one] of [
      [PEER, theirs],
      [OURS, own],
    ] as const)
      say(`     ${name.padEnd(WIDTH)}${scene.tell(one).padEnd(30)} ${scene.isRight(one) ? '' : 'WRONG'}`.trimEnd())
    if (!scene.isRight(own)) say(`   ${OURS} is wrong: that is an error of ours, please report it.`)
    else if (scene.isRight(theirs)) say(`   ${PEER} ${version} is right: this release has mended it.`)
    else say(`   ${scene.why}`)
    isShown = isShown && scene.isRight(own) && !scene.isRight(theirs)
  }
  return isShown
}

async function read(name: 'ours' | 'zongji', server: MysqlServer, scene: Scene): Promise<Read> {
  try {
    return await readWith(name, server, scene)
  } catch (error) {
    const { code } = error as { readonly code?: string }
    if (code === undefined) throw error
    return { lines: [], errors: [], failure: code }
  }
}

export default why
