import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Captured } from '../../connectors/postgres/capture.ts'
import { originOf } from '../../connectors/postgres/definition.ts'
import { isSameRelation } from '../../connectors/postgres/versions.ts'
import { Place } from '../support/place.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const names = ({ table }: Captured): string[] => table.columns.map(({ name }) => name)

describe('a Relation message', () => {
  it('that says nothing new changes nothing', async () => {
    const place = await Place.with(
      server,
      'CREATE TABLE t (id int PRIMARY KEY, a text, g int GENERATED ALWAYS AS (id) STORED)',
    )
    const current = await place.capture()
    const relation = await place.relation()
    expect(isSameRelation(current, relation)).toBe(true)
    expect(await place.follow(relation, current)).toBe(current)
  })

  it('is followed column by column although the catalog is ahead of it', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, a text, b numeric(5,2))')
    const current = await place.capture()
    await place.sql('ALTER TABLE t ADD COLUMN c int')
    const added = await place.relation()
    await place.sql('ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME COLUMN b TO bb')
    const dropped = await place.relation()
    await place.sql('ALTER TABLE t DROP COLUMN c; ALTER TABLE t DROP COLUMN bb; ALTER TABLE t ADD COLUMN e uuid')

    const second = await place.follow(added, current)
    expect(names(second)).toEqual(['id', 'a', 'b', 'c'])
    expect(second.table).toMatchObject({ id: 2, version: 2, incarnation: 1, key: [0] })
    expect(second.table.columns[2]).toMatchObject({
      type: { kind: 'decimal', precision: 5, scale: 2 },
      declared: 'numeric(5,2)',
    })
    expect(second.plan.rules).toEqual(['keep', 'keep', 'keep', 'keep'])
    const third = await place.follow(dropped, second, [current.table, second.table])
    expect(names(third)).toEqual(['id', 'bb', 'c'])
    expect(third.table.id).toBe(3)
    // Restarted in between: the stream begins again before what is known of it.
    expect((await place.follow(added, third, [current.table, second.table, third.table])).table).toBe(second.table)
    expect(names(await place.follow(await place.relation(), third, [third.table]))).toEqual(['id', 'e'])
  })

  it.each([
    ['ALTER TABLE t ADD COLUMN c int DEFAULT 5', 'c was added with a default'],
    ['ALTER TABLE t ALTER COLUMN a TYPE int USING 1', 'type of column a changed'],
    ['ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (k)', 'key columns changed'],
    ['CREATE UNIQUE INDEX u ON t (k); ALTER TABLE t REPLICA IDENTITY USING INDEX u', 'key columns changed'],
  ])('says that older rows must be read again after %s', async (ddl, reason) => {
    const place = await Place.with(
      server,
      "CREATE TABLE t (id int PRIMARY KEY, a text, k int NOT NULL); INSERT INTO t VALUES (1, '1', 1)",
    )
    const current = await place.capture()
    await place.sql(ddl)
    const relation = await place.relation()
    expect(isSameRelation(current, relation)).toBe(false)
    const next = await place.follow(relation, current)
    expect(originOf(next.table).stale).toContain(reason)
    expect(next.table.incarnation).toBe(reason === 'key columns changed' ? 2 : 1)
  })

  it('keeps the key when the table becomes FULL, and refuses NOTHING', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, a text)')
    const current = await place.capture()
    await place.sql('ALTER TABLE t REPLICA IDENTITY FULL')
    const full = await place.follow(await place.relation(), current)
    expect(full.table).toBe(current.table)
    expect(full.identity).toBe('full')
    await place.sql('ALTER TABLE t REPLICA IDENTITY NOTHING')
    await expect(place.follow(await place.relation(), full)).rejects.toMatchObject({ code: 'TABLE_WITHOUT_KEY' })
    await place.sql('ALTER TABLE t REPLICA IDENTITY DEFAULT; ALTER TABLE t DROP CONSTRAINT t_pkey')
    await expect(place.follow(await place.relation(), full)).rejects.toMatchObject({ code: 'TABLE_WITHOUT_KEY' })
  })

  it('masks a new column that a pattern names, and stops when a masked one is renamed out of it', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, mail1 text)', {
      columns: { mask: { 'public.t.mail*': 'redact' } },
    })
    const current = await place.capture()
    await place.sql('ALTER TABLE t ADD COLUMN mail2 text')
    const next = await place.follow(await place.relation(), current)
    expect(next.plan).toMatchObject({ identity: false, rules: ['keep', 'redact', 'redact'] })
    await place.sql('ALTER TABLE t RENAME COLUMN mail2 TO contact')
    const renamed = await place.relation()
    await expect(place.follow(renamed, next)).rejects.toMatchObject({ code: 'MASK_LOST' })
    await place.sql('ALTER TABLE t DROP COLUMN contact')
    await expect(place.follow(renamed, next)).rejects.toMatchObject({ code: 'MASK_LOST' })
  })
})
