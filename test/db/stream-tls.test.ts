import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from '@jest/globals'
import { hasOpenssl } from '../support/certificate.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'
import { itIf } from '../support/skip.ts'
import { offerTls } from '../support/tls.ts'

const SENDER_TIMEOUT_MS = 2000

describe('the stream over TLS, after a password', () => {
  let server: PostgresServer
  let authority: string
  beforeAll(async () => {
    if (!hasOpenssl) return
    server = await startPostgres({ auth: 'scram', settings: { wal_sender_timeout: `${SENDER_TIMEOUT_MS}ms` } })
    authority = await offerTls(server)
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  const test = (name: string, body: (rig: StreamRig, sql: (text: string) => Promise<unknown>) => Promise<void>): void =>
    itIf(hasOpenssl, 'openssl is missing')(name, async () => {
      const url = new URL(await server.createDatabase())
      const database = url.pathname.slice(1)
      const sql = (text: string): Promise<unknown> => server.sql(text, [], database)
      await sql('CREATE TABLE t (id int PRIMARY KEY, body text)')
      url.searchParams.set('sslmode', 'verify-full')
      url.searchParams.set('sslrootcert', authority)
      const rig = new StreamRig(url.href)
      await rig.begin()
      await body(rig, sql)
    })

  test('is encrypted', async (rig, sql) => {
    expect(readFileSync(authority, 'utf8')).toContain('BEGIN CERTIFICATE')
    await sql('INSERT INTO t VALUES (1)')
    let encrypted: unknown
    await rig.run(() => rig.log.rows.length === 1, {
      each: async () => {
        encrypted = await server.sql(
          `SELECT bool_and(ssl) AS all FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)`,
        )
      },
    })
    expect(encrypted).toEqual([{ all: 't' }])
  })

  test('brings everything, in order, while its reader rests, freezes and goes on', async (rig, sql) => {
    await sql(`INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 30000) i`)
    for (let i = 1; i <= 5; i++) await sql(`UPDATE t SET body = '${i}' WHERE id <= 1000`)
    let frozen = false
    const isAll = (): boolean => rig.log.rows.length === 35_000
    await rig.run(isAll, {
      each: async () => {
        if (!frozen) await setTimeout(2 * SENDER_TIMEOUT_MS)
        frozen = true
      },
    })
    const ids = rig.log.texts.slice(0, 30_000).map(text => Number(/\[(\d+),/.exec(text)![1]))
    expect(ids).toEqual(Array.from({ length: 30_000 }, (_, i) => i + 1))
    expect(rig.log.texts.at(-1)).toContain(',"5"]')
  })
})
