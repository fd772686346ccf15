import { expect, it } from '@jest/globals'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { DOCUMENTS } from '../../support/mysql/json-cases.ts'
import { type LoggedCells, LoggedPart } from '../../support/mysql/logged-part.ts'
import type { Flavor } from '../../support/mysql/releases.ts'
import { TYPE_CASES } from '../../support/mysql/type-cases.ts'
import {
  casesOf,
  differences,
  entriesOf,
  INSERTED,
  UPDATED,
  WRITER,
  writeTyped,
} from '../../support/mysql/typed-table.ts'

/** Rows whose key was changed. */
const MOVED = 30_000

interface Form {
  readonly settings: readonly string[]
  /** A type of events that is there only then, as SHOW BINLOG EVENTS names it. */
  readonly event?: string
}

const PARTIAL_JSON = "binlog_row_value_options = 'PARTIAL_JSON'"
const COMPRESSED = ['log_bin_compress = ON', 'log_bin_compress_min_len = 10']

/** What the binary log may have of rows, and how. */
const FORMS: Readonly<Record<Flavor, readonly Form[]>> = {
  mysql: [
    { settings: ['binlog_row_image = NOBLOB'] },
    { settings: ['binlog_row_image = MINIMAL'] },
    { settings: ['binlog_transaction_compression = ON'], event: 'Transaction_payload' },
    { settings: [PARTIAL_JSON], event: 'Update_rows_partial' },
    { settings: ['binlog_row_image = MINIMAL', 'binlog_transaction_compression = ON'], event: 'Transaction_payload' },
  ],
  mariadb: [
    { settings: ['binlog_row_image = NOBLOB'] },
    { settings: ['binlog_row_image = MINIMAL'] },
    { settings: COMPRESSED, event: 'Update_rows_compressed_v1' },
    { settings: ['binlog_row_image = MINIMAL', ...COMPRESSED], event: 'Update_rows_compressed_v1' },
  ],
}

/** Ways to change a document in its place. */
const JSON_CHANGES = [
  // No deeper than a document may be.
  ...DOCUMENTS.filter(([, text]) => !text.startsWith('[[[['))
    .map(([sql]) => (sql.startsWith('JSON') || sql.startsWith('CAST') ? sql : `CAST(${sql} AS JSON)`))
    .flatMap(document => [`JSON_SET(v, '$.a', ${document})`, `JSON_REPLACE(v, '$.list[1].deep', ${document})`]),
  ...["JSON_REMOVE(v, '$.a')", "JSON_SET(v, '$.list[0]', 1, '$.list[9]', 2)", "JSON_REMOVE(v, '$.list[0]')"],
  ...['JSON_SET(v, \'$."a b"\', 1, \'$."q\\\\"q"\', 2, \'$."é"."x"\', 3)', "JSON_REPLACE(v, '$.\"é\".x', 'y')"],
  ...[
    "JSON_REPLACE(v, '$.long', REPEAT('y', 70000))",
    "JSON_REPLACE(v, '$.long', 'short')",
    "JSON_SET(v, '$.a', NULL)",
  ],
]

const DOCUMENT = `JSON_OBJECT('a', 1, 'list', JSON_ARRAY(0, JSON_OBJECT('deep', 1), 2), 'long', REPEAT('x', 80000), 'é',
  JSON_OBJECT('x', 1))`

await describeFlavors((server, flavor, version) => {
  const cases = casesOf(TYPE_CASES, flavor, version)
  const entries = entriesOf(cases)
  const none: readonly (string | null)[] = cases.map(() => null)
  const texts = [...entries.map(({ column, value }) => none.with(column, value.text)), none]
  const list = cases.map((_, i) => `c${i}`).join(', ')
  const set = cases.map((_, i) => `t.c${i} = f.c${i}`).join(', ')
  const changes = `
    INSERT INTO types (id, ${list}) SELECT id + ${INSERTED}, ${list} FROM types WHERE id < ${INSERTED};
    INSERT INTO types (id, c0) SELECT id + ${UPDATED}, 5 FROM types WHERE id < ${INSERTED};
    UPDATE types t JOIN types f ON f.id = t.id - ${UPDATED} SET ${set} WHERE t.id >= ${UPDATED};
    UPDATE types SET c0 = 7 WHERE id BETWEEN ${INSERTED} AND ${UPDATED - 1};
    INSERT INTO types (id, ${list}) SELECT id + ${MOVED}, ${list} FROM types WHERE id < ${INSERTED};
    UPDATE types SET id = id + ${MOVED} WHERE id >= ${MOVED} ORDER BY id DESC;
    DELETE FROM types WHERE id < ${INSERTED}`

  const url = (): string => `${server().url()}?sslmode=disable`
  const within = async (settings: readonly string[], work: () => Promise<void>): Promise<void> => {
    await server().query(`SET GLOBAL ${settings.join(', GLOBAL ')}`)
    await server().query('FLUSH BINARY LOGS')
    await work()
    const names = settings.map(one => one.split(' ')[0]!)
    await server().query(`SET GLOBAL ${names.map(name => `${name} = DEFAULT`).join(', GLOBAL ')}`)
  }
  const eventTypes = async (): Promise<Set<string>> => {
    const file = (await server().query('SHOW BINARY LOGS')).at(-1)!.Log_name!
    const events = await server().query(`SHOW BINLOG EVENTS IN '${file}'`)
    return new Set(events.map(row => row.Event_type!))
  }

  it.each(FORMS[flavor].map(({ settings, event }, i) => [settings.join(', '), settings, event, i] as const))(
    'rows are whole, and every value is what the server holds, with %s',
    async (_, settings, event, i) => {
      await within(settings, async () => {
        const database = `images_${i}`
        await writeTyped(server(), database, cases)
        await using part = await LoggedPart.open({ url: url(), tables: [`${database}.types`] })
        expect((await part.rows('types')).size).toBe(texts.length)
        await server().query(`${WRITER}; ${changes}`, database)
        const rows = await part.wholeRows('types')
        const rowsFrom = (begin: number): LoggedCells[] =>
          texts.map((_, row) => rows.get(String(begin + row))?.slice(1) ?? [])
        const altered = texts.map(row => row.with(0, '7'))
        expect(differences(cases, rowsFrom(INSERTED), altered)).toEqual([])
        expect(differences(cases, rowsFrom(UPDATED), texts)).toEqual([])
        expect(differences(cases, rowsFrom(2 * MOVED), texts)).toEqual([])
        expect(rows.size).toBe(3 * texts.length)
        const lacking: string[] = []
        await part.changes(change => {
          if (!change.complete && change.kind !== 'c') lacking.push(`${change.kind} ${change.text(0)}`)
        })
        expect(lacking).toEqual([])
        if (event !== undefined) expect(await eventTypes()).toContain(event)
      })
    },
  )

  if (flavor === 'mariadb') return

  it.each([[PARTIAL_JSON], [`${PARTIAL_JSON}, GLOBAL binlog_transaction_compression = ON`]])(
    'a document that is changed in its place is what the server prints, after every change, with %s',
    async settings => {
      await within(settings.split(', GLOBAL '), async () => {
        const database = await server().createDatabase()
        await server().query(
          `CREATE TABLE t (id int PRIMARY KEY, n int, u json, v json); INSERT INTO t VALUES (1, 0, '{}', ${DOCUMENT})`,
          database,
        )
        await using part = await LoggedPart.open({ url: url(), tables: [`${database}.t`] })
        await part.rows('t')
        const client = await server().connect({ database })
        const printed: string[] = []
        for (const change of JSON_CHANGES) {
          await client.query(`SET NAMES utf8mb4; UPDATE t SET n = n + 1, v = ${change}`)
          const [rows] = await client.query('SELECT v FROM t')
          printed.push((rows as { v: string }[])[0]!.v)
        }
        await client.end()
        const logged: (string | null)[] = []
        await part.changes(change => {
          if (change.kind === 'u') logged.push(change.text(3))
        })
        expect(logged).toHaveLength(JSON_CHANGES.length)
        const wrong = JSON_CHANGES.filter((_, i) => logged[i] !== printed[i]).map(change => change.slice(0, 100))
        expect(wrong).toEqual([])
        if (settings === PARTIAL_JSON) expect(await eventTypes()).toContain('Update_rows_partial')
      })
    },
  )
})
