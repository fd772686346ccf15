import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Finding } from '../../runtime/contract.ts'
import postgres from '../../sinks/postgres.ts'
import { hasOpenssl } from '../support/certificate.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { PostgresPlace } from '../support/postgres-place.ts'
import { follow } from '../support/sink-driver.ts'
import { LOG_ID, never, SinkRig, sinkContext } from '../support/sink-rig.ts'
import { describeIf } from '../support/skip.ts'
import { offerTls } from '../support/tls.ts'

const PASSWORD = 'p@ss/w:rd and %'

const check = async (url: string): Promise<readonly Finding[]> =>
  postgres.check!(postgres.config.parse({ url }), sinkContext(), never)

const openSink = async (url: string): Promise<void> => {
  await using target = await postgres.open(postgres.config.parse({ url }), sinkContext())
  await target.sink({ name: 'app', logId: LOG_ID }, never)
}

describe('the login of the postgres sink', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres({ auth: 'scram' })
    await server.sql(`CREATE ROLE writer LOGIN PASSWORD '${PASSWORD}'`)
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

  describeIf(hasOpenssl, 'openssl is missing')('over TLS', () => {
    let authority: string
    let place: PostgresPlace
    beforeAll(async () => {
      authority = await offerTls(server)
      place = await PostgresPlace.make(server)
    })
    afterAll(() => place?.[Symbol.asyncDispose]())

    const url = (sslmode: string, root = ''): string =>
      `${place.options.url}?sslmode=${sslmode}${root === '' ? '' : `&sslrootcert=${encodeURIComponent(root)}`}`

    it('is encrypted, and so are the rows', async () => {
      const rig = new SinkRig()
      await using other = await PostgresPlace.make(server)
      await rig.begin(other)
      const options = {
        ...other.options,
        url: `${other.options.url}${url('verify-full', authority).slice(place.options.url.length)}`,
      }
      await using target = await postgres.open(postgres.config.parse(options), sinkContext())
      const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
      rig.batches.push(rig.put('1', 'one', null))
      await follow(sink, rig.batches)
      await rig.expectEqual(sink)
      const plain = await server.sql(
        `SELECT count(*) AS n FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
         WHERE a.application_name LIKE 'tailrace%' AND NOT s.ssl AND datname = $1`,
        [other.database],
      )
      expect(plain).toEqual([{ n: '0' }])
      await rig.target[Symbol.asyncDispose]()
    })

    it('is refused to a server that does not prove itself', async () => {
      await expect(openSink(url('verify-full'))).rejects.toMatchObject({ code: 'SINK_TLS', recovery: 'stop' })
      expect(await check(url('require'))).toContainEqual(
        expect.objectContaining({ level: 'warning', code: 'SINK_TLS' }),
      )
    })
  })

  it('is not tried with an url that is none of PostgreSQL', async () => {
    for (const url of ['mysql://a@b/c', 'postgres://a@b', 'postgres://a@b/c?sslmode=prefer'])
      await expect((async () => openSink(url))()).rejects.toMatchObject({ code: 'CONFIG_URL' })
  })
})
