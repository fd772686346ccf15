/** TLS for test servers, by a certificate of their own. */
import { execFileSync } from 'node:child_process'
import { chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { PostgresServer } from './postgres.ts'
import { until } from './until.ts'

export const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'])
    return true
  } catch {
    return false
  }
})()

/** Makes the server offer TLS as 127.0.0.1; answers the file of its root certificate, for `sslrootcert`. */
export async function offerTls(server: PostgresServer): Promise<string> {
  const file = (name: string): string => join(server.dataDir, name)
  const authority = file('server.crt')
  execFileSync(
    'openssl',
    // biome-ignore format: one argument list
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
      '-keyout', file('server.key'), '-out', authority],
    { stdio: 'ignore' },
  )
  const { uid, gid } = statSync(server.dataDir)
  for (const name of ['server.key', 'server.crt']) chownSync(file(name), uid, gid)
  await server.sql('ALTER SYSTEM SET ssl = on')
  await server.sql('SELECT pg_reload_conf()')
  await until(async () => (await server.sql('SHOW ssl'))[0]!.ssl === 'on', 'the server offers TLS')
  return authority
}
