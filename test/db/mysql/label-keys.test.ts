import { expect, it } from '@jest/globals'
import type { LoadRequest } from '../../../runtime/contract.ts'
import { keyFromTexts, keyText } from '../../../runtime/record/key.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { mysqlRig } from '../../support/mysql/source.ts'

/** More than a load asks for at first, so that it goes on behind a key. */
const OF_EACH = 30
const LABELS = ['small', 'large', "it's"]
const SETS = ['', 'x', 'z', 'x,z']

await describeFlavors(server => {
  /** Keys that a load of the scope reads beside the stream. */
  async function read(ddl: string, rows: readonly string[], scope: LoadRequest['scope']): Promise<string[]> {
    const database = await server().createDatabase()
    await server().query(`CREATE TABLE t (${ddl}); INSERT INTO t VALUES ${rows.join(', ')}`, database)
    const rig = mysqlRig(server(), database)
    await rig.begin()
    await using source = rig.open()
    const signal = AbortSignal.timeout(20_000)
    await source.start(rig.log.resume(), signal)
    const keys: string[] = []
    for await (const chunk of source.load(source.request(`app.${database}.t`, scope, false)!, signal))
      for (const change of chunk.rows) if (change.kind === 'r') keys.push(keyText(change.key))
    return keys
  }

  const numbers = Array.from({ length: OF_EACH }, (_, i) => i)
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

  it('a table keyed by an ENUM is read to its end, each row once, in the order of the labels', async () => {
    const rows = LABELS.flatMap(label => numbers.map(n => `(${quoted(label)}, ${n})`))
    const ddl = `k enum(${LABELS.map(quoted)}), n int, PRIMARY KEY (k, n)`
    const expected = LABELS.flatMap(label => numbers.map(n => keyText(keyFromTexts([label, String(n)]))))
    expect(await read(ddl, rows, { kind: 'all' })).toEqual(expected)
  })

  it('a table keyed by a SET is read to its end, each row once, in the order of the labels', async () => {
    const rows = SETS.flatMap(set => numbers.map(n => `('${set}', ${n})`))
    const expected = SETS.map(set => numbers.map(n => keyText(keyFromTexts([set, String(n)]))))
    const found = await read("k set('x','y','z'), n int, PRIMARY KEY (k, n)", rows, { kind: 'all' })
    expect(found).toEqual(expected.flat())
  })

  it('rows are found by their labels, also one of no label', async () => {
    const wanted = [
      ["it's", '2'],
      ['small', '1'],
      ['', '3'],
    ]
    const keys = wanted.map(texts => keyFromTexts(texts))
    const rows = ["('small', 1)", "('small', 2)", '(3, 2)', '(0, 3)', "('large', 4)"]
    const ddl = `k enum(${LABELS.map(quoted)}), n int, PRIMARY KEY (k, n)`
    await server().query("SET GLOBAL sql_mode = ''")
    expect((await read(ddl, rows, { kind: 'keys', keys })).sort()).toEqual(keys.map(key => keyText(key)).sort())
  })

  it('a range between two keys has the rows between their labels', async () => {
    const rows = LABELS.flatMap(label => [1, 2, 3].map(n => `(${quoted(label)}, ${n})`))
    const ddl = `k enum(${LABELS.map(quoted)}), n int, PRIMARY KEY (k, n)`
    const scope = { kind: 'range', from: keyFromTexts(['small', '3']), to: keyFromTexts(["it's", '2']) } as const
    const expected = [
      ['small', '3'],
      ['large', '1'],
      ['large', '2'],
      ['large', '3'],
      ["it's", '1'],
    ]
    expect(await read(ddl, rows, scope)).toEqual(expected.map(texts => keyText(keyFromTexts(texts))))
  })
})
