/** Small doses of what `npm run test:full -- large` measures. */
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { manyColumns } from '../support/large/columns.ts'
import { LARGE_SETTINGS } from '../support/large/large-pipeline.ts'
import { manyTables } from '../support/large/tables.ts'
import { largeTransaction } from '../support/large/transaction.ts'
import { largeValue } from '../support/large/value.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

const MB = 1e6
const SEED = 7

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres({ settings: LARGE_SETTINGS })
}, 60_000)

afterAll(() => server?.[Symbol.asyncDispose]())

const STEPS = ['first load', 'update beside it', 'replaced', 'delete', 'insert']

it('a value of 20 MB arrives in the log by first load and stream, in memory that has room for few of its copies', async () => {
  const figures = await largeValue(server, undefined, { bytes: 20 * MB, form: 'escaped', sink: undefined }, SEED)
  for (const step of STEPS) expect(figures[`${step}, MB`]).toBeLessThan(300)
}, 90_000)

it('a value of 20 MB arrives in a sink, in less than one of 100 MB may take', async () => {
  const figures = await largeValue(server, undefined, { bytes: 20 * MB, form: 'plain', sink: 'sqlite' }, SEED)
  for (const step of STEPS) expect(figures[`${step}, MB`]).toBeLessThan(600)
}, 90_000)

it('a transaction of 20 MB with savepoints and values that it leaves alone passes in the memory that one of 1 GB may take', async () => {
  const dose = { rows: 75_000, pad: 150, savepoints: true, wide: 200, seconds: 60, sink: undefined }
  const figures = await largeTransaction(server, dose, SEED)
  for (const step of ['stream', 'first load']) expect(figures[`${step}, MB`]).toBeLessThan(200)
}, 90_000)

it('a table of 300 columns is loaded, changed and looked up', async () => {
  const figures = await manyColumns(server, undefined, { columns: 300, rows: 50, sink: 'sqlite' })
  expect(figures['memory, MB']).toBeLessThan(300)
}, 90_000)

it('100 tables are loaded, followed, and there again after a restart', async () => {
  const figures = await manyTables(server, { tables: 100, rows: 5, sink: 'sqlite', seconds: 60, idleSeconds: 0 })
  expect(figures['memory, MB']).toBeLessThan(300)
}, 90_000)
