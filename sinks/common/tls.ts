import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { errorCode, errorMessage, TailraceError } from '../../runtime/errors.ts'

/** TLS of a target's url, by the parameters of libpq's connection URLs. */

export const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey']

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** OpenSSL's and Node's codes of a certificate that is refused, or of a server that does not speak TLS. */
const CERTIFICATE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

/** Whether the error is one of TLS. */
export function isTlsError(error: unknown): boolean {
  return CERTIFICATE.test(errorCode(error) ?? '')
}

/** As libpq's `sslmode` of the same name; undefined: `disable`. `refuse` makes the error for a bad one. */
export function tlsOptions(
  sslmode: string,
  host: string,
  parameters: URLSearchParams,
  refuse: (why: string) => TailraceError,
): ConnectionOptions | undefined {
  if (sslmode === 'disable') return undefined
  const ca = fileOption(parameters, 'sslrootcert')
  const cert = fileOption(parameters, 'sslcert')
  const key = fileOption(parameters, 'sslkey')
  const shared: ConnectionOptions = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: true,
  }
  switch (sslmode) {
    case 'verify-full':
      return shared
    case 'verify-ca':
      return { ...shared, checkServerIdentity: () => undefined }
    case 'require':
      return ca === undefined
        ? { ...shared, rejectUnauthorized: false }
        : { ...shared, checkServerIdentity: () => undefined }
    default:
      throw refuse(`sslmode=${sslmode} is not one of disable, require, verify-ca, verify-full`)
  }
}

function fileOption(parameters: URLSearchParams, name: string): string | undefined {
  const path = parameters.get(name)
  if (path === null) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new TailraceError('CONFIG_URL', 'stop', `The file of ${name} cannot be read: ${errorMessage(cause)}`, {
      cause,
      hint: 'Name a file in PEM form that the user running Tailrace can read.',
    })
  }
}
