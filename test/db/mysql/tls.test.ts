import { expect } from '@jest/globals'
import { checkMysql } from '../../../connectors/mysql/check.ts'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import type { Finding } from '../../../runtime/contract.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { hasOpenssl } from '../../support/certificate.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'
import { runMysql } from '../../support/mysql/source-run.ts'
import { itIf } from '../../support/skip.ts'

const context = { pipeline: 'shop', name: 'app', logger: createLogger('silent'), folder: '/tmp' }

async function troubles(url: URL): Promise<Finding[]> {
  const config = mysqlConfig.parse({ url: url.href, tables: ['tls.t'] })
  const findings = await checkMysql(config, context, AbortSignal.timeout(20_000))
  return findings.filter(({ code }) => code === 'SOURCE_TLS' || code === 'SOURCE_REACHED')
}

await describeFlavors(
  server => {
    const test = itIf(hasOpenssl, 'openssl is missing')

    test('a server at an address proves itself by a certificate for that address', async () => {
      await server().query(
        'CREATE DATABASE tls; CREATE TABLE tls.t (id int PRIMARY KEY, x int); INSERT INTO tls.t VALUES (1, 1)',
      )
      const url = new URL(server().url())
      url.searchParams.set('sslmode', 'verify-full')
      url.searchParams.set('sslrootcert', server().certificate)
      expect(await troubles(url)).toMatchObject([{ level: 'ok', code: 'SOURCE_REACHED' }])
      const { log } = await runMysql({ url: url.href, tables: ['tls.t'] }, async () => {
        await server().query('INSERT INTO tls.t VALUES (2, 2)')
        const rows = await server().query("SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'")
        expect(Number(rows[0]?.Value ?? '1')).toBeGreaterThan(0)
      })
      expect(log.end()).toBeDefined()
    })

    test('one whose certificate is for another name is refused, before it hears a password', async () => {
      const url = new URL(server().url())
      url.hostname = 'localhost'
      url.password = 'not the one'
      url.searchParams.set('sslmode', 'verify-full')
      url.searchParams.set('sslrootcert', server().certificate)
      expect(await troubles(url)).toMatchObject([{ level: 'error', code: 'SOURCE_TLS' }])
    })

    test('one of an authority that nobody knows is refused', async () => {
      const url = new URL(server().url())
      url.searchParams.set('sslmode', 'verify-full')
      expect(await troubles(url)).toMatchObject([{ level: 'error', code: 'SOURCE_TLS' }])
    })

    test('require takes any certificate, and is warned of', async () => {
      const url = new URL(server().url())
      url.searchParams.set('sslmode', 'require')
      expect(await troubles(url)).toMatchObject([
        { level: 'ok', code: 'SOURCE_REACHED' },
        { level: 'warning', code: 'SOURCE_TLS' },
      ])
    })
  },
  { tls: hasOpenssl },
)
