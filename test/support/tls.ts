/** TLS for test servers, by a certificate of their own. */
import { chownSync, statSync } from 'node:fs'
import { makeCertificate } from './certificate.ts'
import type { PostgresServer } from './postgres.ts'
import { until } from './until.ts'

/** Makes the server offer TLS as 127.0.0.1; answers the file of its root certificate, for `sslrootcert`. */
export async function offerTls(server: PostgresServer): Promise<string> {
  const { key, certificate } = makeCertificate(server.dataDir)
  const { uid, gid } = statSync(server.dataDir)
  for (const file of [key, certificate]) chownSync(file, uid, gid)
  await server.sql('ALTER SYSTEM SET ssl = on')
  await server.sql('SELECT pg_reload_conf()')
  await until(async () => (await server.sql('SHOW ssl'))[0]!.ssl === 'on', 'the server offers TLS')
  return certificate
}
