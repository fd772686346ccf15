import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { Captured } from '../../../connectors/mysql/catalog.ts'
import type { LoadRequest } from '../../../runtime/contract.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { describeEachFlavor } from '../../support/mysql/flavors.ts'
import { hostileOptions } from '../../support/mysql/hostile.ts'
import { KEY_CASES } from '../../support/mysql/key-cases.ts'
import { type KeyedRow, KeyedTables } from '../../support/mysql/keyed-tables.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'
import { runMysql } from '../../support/mysql/source-run.ts'
import { casesOf, columnDdl, WRITER } from '../../support/mysql/typed-table.ts'

/** `v`: the type's own column; `n`: the place of the row's value among the type's. */
const ALONE = 'alone'
const AMONG = 'among'

await describeEachFlavor((flavor, version) => {
  const cases = casesOf(KEY_CASES, flavor, version)
  let server: MysqlServer
  let url: string

  beforeAll(async () => {
    server = await startMysql({ flavor })
    url = `${await server.createUser('hostile', 'SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.*')}?sslmode=disable`
    await server.restart(hostileOptions(flavor))
    const client = await server.connect()
    await client.query(
      `${WRITER}; CREATE DATABASE ${ALONE} CHARACTER SET latin1; CREATE DATABASE ${AMONG} CHARACTER SET latin1`,
    )
    for (const [i, { values, ...of }] of cases.entries()) {
      const column = columnDdl({ ...of, values }, 'v')
      const key = of.prefix === undefined ? 'v' : `v(${of.prefix})`
      await client.query(`CREATE TABLE ${ALONE}.k${i} (n int NOT NULL, ${column} NOT NULL, PRIMARY KEY (${key}));
        CREATE TABLE ${AMONG}.k${i} (b int NOT NULL, ${column} NOT NULL, a int NOT NULL, n int NOT NULL, PRIMARY KEY (a, ${key}, b))`)
      for (const [n, { sql }] of values.entries()) {
        await client.query(`INSERT IGNORE INTO ${ALONE}.k${i} (n, v) VALUES (${n}, ${sql})`)
        for (const [a, b] of [
          [1, 1],
          [1, -1],
          [2, 0],
        ])
          await client.query(`INSERT IGNORE INTO ${AMONG}.k${i} (n, v, a, b) VALUES (${n}, ${sql}, ${a}, ${b})`)
      }
    }
    await client.end()
  }, 240_000)
  afterAll(() => server?.[Symbol.asyncDispose]())

  const caseOf = ({ table }: Captured) => cases[Number(table.table.slice(1))]!

  it.each([ALONE, AMONG])(
    'rows are found by their keys, by ranges of them, and behind the last one that was read: %s',
    async database => {
      await using keyed = await KeyedTables.open({ url, tables: [`${database}.*`] }, flavor)
      const wrong: string[] = []
      for (const captured of keyed.tables) {
        const { ddl, values } = caseOf(captured)
        const [v, n] = ['v', 'n'].map(name => captured.table.columns.findIndex(column => column.name === name))
        try {
          const all = await keyed.read(captured, { kind: 'all' }, 5000)
          for (const { texts } of all)
            if (texts[v!] !== values[Number(texts[n!])]!.text) wrong.push(`${ddl}: is ${texts[v!]!.slice(0, 40)}`)
          const told = (some: readonly KeyedRow[]): string[] =>
            some.map(({ texts }) => texts.filter((_, i) => i !== v).join(':'))
          const same = (what: string, rows: readonly string[], want: readonly string[]): void => {
            if (rows.join(' ') !== want.join(' '))
              wrong.push(`${ddl}: ${what}: ${rows.join(' ')}, not ${want.join(' ')}`)
          }
          const read = async (scope: LoadRequest['scope'], page: number): Promise<string[]> =>
            told(await keyed.read(captured, scope, page))
          const rows = told(all)
          for (const page of [1, 2]) same(`by ${page}`, await read({ kind: 'all' }, page), rows)
          const keys = all.map(({ key }) => key)
          for (const page of [2, 100])
            same(`by keys, ${page}`, (await read({ kind: 'keys', keys }, page)).sort(), rows.toSorted())
          const step = database === ALONE ? 1 : 4
          for (let i = 0; i < keys.length; i += step) {
            same(`key ${i}`, await read({ kind: 'keys', keys: [keys[i]!] }, 2), [rows[i]!])
            same(`from ${i}`, await read({ kind: 'range', from: keys[i]! }, 7), rows.slice(i))
            same(`to ${i}`, await read({ kind: 'range', to: keys[i]! }, 7), rows.slice(0, i))
          }
        } catch (error) {
          wrong.push(`${ddl}: ${String(error)}`)
        }
      }
      expect(wrong).toEqual([])
      expect(keyed.tables).toHaveLength(cases.length)
    },
    240_000,
  )

  it('rows are loaded, streamed and moved under their keys, and those keys find them', async () => {
    const moved = new Map<string, string[]>()
    const { batches } = await runMysql({ url, tables: [`${ALONE}.*`] }, async () => {
      const client = await server.connect({ database: ALONE })
      await client.query(WRITER)
      for (const [i, { values }] of cases.entries()) {
        const [rows] = await client.query(`SELECT n FROM k${i} ORDER BY n`)
        const there = (rows as { n: string }[]).map(({ n }) => Number(n))
        const last = there.at(-1)!
        await client.query(`DELETE FROM k${i} WHERE n = ${last}`)
        const steps = [`d ${values[last]!.text}`]
        if (there.length > 1) {
          const first = there[0]!
          await client.query(`UPDATE k${i} SET v = ${values[last]!.sql} WHERE n = ${first}`)
          await client.query(`INSERT INTO k${i} (n, v) VALUES (${last}, ${values[first]!.sql})`)
          steps.push(`d ${values[first]!.text} moved`, `u ${values[last]!.text} moved`, `c ${values[first]!.text}`)
        }
        moved.set(`k${i}`, steps)
      }
      await client.end()
    })
    const seen = new Map<string, string[]>([...moved.keys()].map(name => [name, []]))
    const wrong: string[] = []
    for (const batch of batches)
      for (const change of batch) {
        const { kind, table } = change
        if (kind === 's') continue
        const v = table.key[0]!
        const text = kind === 'd' ? change.before(v)! : change.text(v)!
        const isRaw = kind !== 'd' && change.tag(v) === CellTag.bytes
        if (!isRaw && kind !== 'd' && !Buffer.from(change.key).equals(keyFromTexts([text]))) wrong.push(table.name)
        if (kind !== 'r') seen.get(table.table)!.push(`${kind} ${text}${change.moved === undefined ? '' : ' moved'}`)
      }
    expect(wrong).toEqual([])
    const differing = [...moved].filter(([name, steps]) => steps.join('|') !== seen.get(name)!.join('|'))
    expect(
      differing.map(([name]) => `${cases[Number(name.slice(1))]!.ddl}: ${seen.get(name)!.join('|').slice(0, 200)}`),
    ).toEqual([])
  }, 120_000)
})
