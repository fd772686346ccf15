/** The clickhouse sink at a server that asks for a login and speaks TLS. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { errorMessage } from '../../runtime/errors.ts'
import clickhouse from '../../sinks/clickhouse.ts'
import { hasOpenssl } from '../support/certificate.ts'
import { type ClickhouseServer, startClickhouse } from '../support/clickhouse/clickhouse-server.ts'
import { enginePrograms } from '../support/clickhouse/engine.ts'
import { never, sinkContext } from '../support/sink-rig.ts'
import { describeIf } from '../support/skip.ts'

const problem = hasOpenssl
  ? await enginePrograms().then(
      () => undefined,
      (error: unknown) => errorMessage(error),
    )
  : 'openssl, which makes a certificate, is not installed'

describe('a login and TLS', () => {
  describeIf(problem === undefined, problem ?? '')('of ClickHouse', () => {
    let server: ClickhouseServer | undefined
    beforeAll(async () => {
      server = await startClickhouse({ login: 'tailrace:s3cret word', tls: true })
    }, 60_000)
    afterAll(() => server?.[Symbol.asyncDispose]())

    const config = (login: string, parameters: string): ReturnType<typeof clickhouse.config.parse> =>
      clickhouse.config.parse({ url: `${server!.url.replace('://', `://${login}@`)}/?${parameters}` })
    const trusted = (): string => `sslrootcert=${encodeURIComponent(server!.certificate)}`

    it('is reached with its certificate and the right password', async () => {
      const findings = await clickhouse.check!(config('tailrace:s3cret%20word', trusted()), sinkContext(), never)
      expect(findings[0]).toMatchObject({ level: 'ok', code: 'TARGET_REACHED' })
    })

    it('is not reached with a wrong password, and says nothing of it', async () => {
      const [finding] = await clickhouse.check!(config('tailrace:wr0ng', trusted()), sinkContext(), never)
      expect(finding).toMatchObject({ level: 'error', code: 'SINK_AUTH' })
      expect(JSON.stringify(finding)).not.toContain('wr0ng')
    })

    it('is not trusted without its certificate', async () => {
      const [finding] = await clickhouse.check!(config('tailrace:s3cret%20word', ''), sinkContext(), never)
      expect(finding).toMatchObject({ level: 'error', code: 'SINK_TLS' })
    })
  })
})
