import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { describeEachFlavor } from '../../support/mysql/flavors.ts'
import { hostileOptions } from '../../support/mysql/hostile.ts'
import { type MysqlServer, startMysql } from '../../support/mysql/server.ts'
import type { TypeCase } from '../../support/mysql/type-case.ts'
import { TYPE_CASES } from '../../support/mysql/type-cases.ts'
import { casesOf, differences, entriesOf, readTyped, writeTyped } from '../../support/mysql/typed-table.ts'
import type { Arrived } from '../../support/types/arrived.ts'

/** Of a load and of the stream, value by value. */
function expectParity(arrived: Arrived, cases: readonly TypeCase[]): void {
  const { loaded, inserted, updated, beside, before, deleted, texts, types, declared } = arrived
  const entries = entriesOf(cases)
  const none: readonly (string | null)[] = cases.map(() => null)
  const expected = [...entries.map(({ column, value }) => none.with(column, value.text)), none]
  expect(differences(cases, texts, expected)).toEqual([])
  for (const rows of [inserted, updated, beside]) expect(differences(cases, rows, loaded)).toEqual([])
  for (const rows of [before, deleted]) expect(differences(cases, rows, texts)).toEqual([])
  expect(types).toEqual(cases.map(({ logical }) => logical))
  expect(declared).toEqual(cases.map(({ declared }) => declared))
}

await describeEachFlavor((flavor, version) => {
  const cases = casesOf(TYPE_CASES, flavor, version)
  let server: MysqlServer
  let url: string

  beforeAll(async () => {
    server = await startMysql({ flavor })
    url = `${await server.createUser('hostile', 'SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.*')}?sslmode=disable`
    await server.restart(hostileOptions(flavor))
  }, 120_000)
  afterAll(() => server?.[Symbol.asyncDispose]())

  it('a value is the same bytes, loaded, inserted, updated, deleted and read beside the stream, whatever the server is set to', async () => {
    await writeTyped(server, 'types', cases)
    expectParity(await readTyped(server, 'types', { url, tables: ['types.types'] }, cases), cases)
  })
})
