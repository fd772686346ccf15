import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type pg from 'pg'
import {
  dropPublication,
  growPublication,
  type PublicationPlan,
  type PublishedTable,
  setPublication,
} from '../../connectors/postgres/publication.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

let server: PostgresServer
let client: pg.Client
let tables: PublishedTable[]
let version: number

/** More than one statement may name; the last is partitioned. */
const TABLES = 1100

beforeAll(async () => {
  server = await startPostgres()
  const database = decodeURIComponent(new URL(await server.createDatabase()).pathname.slice(1))
  const make = `DO $$ BEGIN FOR i IN 2 .. ${TABLES} LOOP
    EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY)', i); END LOOP; END $$`
  await server.sql(make, [], database)
  await server.sql('CREATE TABLE t1 (id int PRIMARY KEY) PARTITION BY RANGE (id)', [], database)
  client = await server.connect(database)
  const { rows } = await client.query<{ oid: string; name: string; kind: string }>(
    "SELECT oid, relname AS name, relkind AS kind FROM pg_class WHERE relname ~ '^t[0-9]+$' ORDER BY oid",
  )
  tables = rows.map(({ oid, name, kind }) => ({
    oid: Number(oid),
    relation: `"public"."${name}"`,
    partitioned: kind === 'p',
  }))
  const [row] = (await client.query<{ version: string }>("SELECT current_setting('server_version_num') AS version"))
    .rows
  version = Number(row!.version)
}, 60_000)

afterAll(async () => {
  await client?.end()
  await server?.[Symbol.asyncDispose]()
})

const plan = (of: readonly PublishedTable[]): PublicationPlan => ({ name: 'many', tables: of, insertsOnly: false })

async function published(): Promise<Set<number>> {
  const { rows } = await client.query<{ oid: string }>(
    "SELECT prrelid AS oid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE pubname = 'many'",
  )
  return new Set(rows.map(({ oid }) => Number(oid)))
}

const oids = (of: readonly PublishedTable[]): Set<number> => new Set(of.map(({ oid }) => oid))

it('a publication of more tables than one statement names is made, set, grown and dropped, table by table', async () => {
  const half = tables.slice(0, TABLES / 2)
  await setPublication(client, plan(tables.slice(TABLES / 2 - 50)), version)
  expect(await published()).toEqual(oids(tables.slice(TABLES / 2 - 50)))
  const made = await setPublication(client, plan(half), version)
  expect(await published()).toEqual(oids(half))
  expect(await growPublication(client, plan(tables), version, oids(tables), 'app')).toBe(made)
  expect(await published()).toEqual(oids(tables))
  expect(await dropPublication(client, 'many')).toBe('dropped')
  expect((await client.query("SELECT FROM pg_publication WHERE pubname = 'many'")).rows).toEqual([])
}, 60_000)
