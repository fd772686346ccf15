import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Finding } from '../../runtime/contract.ts'
import postgres from '../../sinks/postgres.ts'
import { hasOpenssl } from '../support/certificate.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { PostgresPlace } from '../support/postgres-place.ts'
import { follow } from '../support/sink-driver.ts'
import { LOG_ID, never, SinkRig, sinkContext } from '../support/sink-rig.ts'
import { itIf } from '../support/skip.ts'
import { offerTls } from '../support/tls.ts'

const NO_OPENSSL = 'openssl is missing'
const PASSWORD = 'p@ss/w:rd and %'

const check = async (url: string): Promise<readonly Finding[]> =>
  postgres.check!(postgres.config.parse({ url }), sinkContext(), never)

const tls = (url: string, sslmode: string, root?: string): string => {
  const made = new URL(url)
  made.searchParams.set('sslmode', sslmode)
  if (root !== undefined) made.searchParams.set('sslrootcert', root)
  return made.href
}

const openSink = async (url: string): Promise<void> => {
  await using target = await postgres.open(postgres.config.parse({ url }), sinkContext())
  await target.sink({ name: 'app', logId: LOG_ID }, never)
}

describe('the login of the postgres sink', () => {
  let server: PostgresServer
  let authority: string
  beforeAll(async () => {
    server = await startPostgres({ auth: 'scram' })
    await server.sql(`CREATE ROLE writer LOGIN PASSWORD '${PASSWORD}'`)
    if (hasOpenssl) authority = await offerTls(server)
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  it('is refused with a wrong password, and nothing tells what it was', async () => {
    const url = server.url('postgres', 'writer', 'not the password')
    const refused = { code: 'SINK_AUTH', recovery: 'stop', message: expect.not.stringContaining('not the password') }
    await expect(openSink(url)).rejects.toMatchObject(refused)
    expect(await check(url)).toMatchObject([{ level: 'error', code: 'SINK_AUTH' }])
    expect(await check(server.url('postgres', 'writer', PASSWORD))).toContainEqual(
      expect.objectContaining({ level: 'ok', code: 'TARGET_REACHED' }),
    )
    expect(await check(server.url('missing'))).toMatchObject([{ level: 'error', code: 'SINK_AUTH' }])
  })

  itIf(hasOpenssl, NO_OPENSSL)('is encrypted over TLS, and so are the rows', async () => {
    const rig = new SinkRig()
    await using place = await PostgresPlace.make(server)
    await rig.begin(place)
    const options = { ...place.options, url: tls(place.options.url, 'verify-full', authority) }
    await using target = await postgres.open(postgres.config.parse(options), sinkContext())
    const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
    rig.batches.push(rig.put('1', 'one', null))
    await follow(sink, rig.batches)
    await rig.expectEqual(sink)
    const sessions = await server.sql(
      `SELECT bool_and(s.ssl) AS all, count(*) > 1 AS some FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
       WHERE a.application_name LIKE 'tailrace%' AND datname = $1`,
      [place.database],
    )
    expect(sessions).toEqual([{ all: 't', some: 't' }])
    await rig.target[Symbol.asyncDispose]()
  })

  itIf(hasOpenssl, NO_OPENSSL)('is refused to a server that does not prove itself', async () => {
    const refused = { code: 'SINK_TLS', recovery: 'stop' }
    await expect(openSink(tls(server.url(), 'verify-full'))).rejects.toMatchObject(refused)
    expect(await check(tls(server.url(), 'require'))).toContainEqual(
      expect.objectContaining({ level: 'warning', code: 'SINK_TLS' }),
    )
  })

  it('is not tried with an url that is none of PostgreSQL', async () => {
    for (const url of ['mysql://a@b/c', 'postgres://a@b', 'postgres://a@b/c?sslmode=prefer'])
      await expect((async () => openSink(url))()).rejects.toMatchObject({ code: 'CONFIG_URL' })
  })
})
