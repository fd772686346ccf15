import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { errorCode, errorMessage, TailraceError } from './errors.ts'

/** TLS of a url, by the parameters of libpq's connection URLs. */

export const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey']

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/

/** OpenSSL's and Node's codes of a certificate that is refused, or of a server that does not speak TLS. */
const CERTIFICATE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/

/** How a connection is encrypted, and what of the server's certificate is looked at. Files in PEM. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The certificate must come from an authority that is known. */
  readonly rejectUnauthorized: boolean
  /** It must be that host's. */
  readonly verifyIdentity: boolean
}

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

/** Whether the error is one of TLS. */
export function isTlsError(error: unknown): boolean {
  return CERTIFICATE.test(errorCode(error) ?? '')
}

/**
 * As libpq's `sslmode` of the same name; undefined: `disable`. `refuse` makes the error for one that is not known. Throws
 * CONFIG_URL for a file that cannot be read.
 */
export function tlsOptions(
  sslmode: string,
  parameters: URLSearchParams,
  refuse: (why: string) => TailraceError,
): TlsOptions | undefined {
  if (sslmode === 'disable') return undefined
  const ca = fileOption(parameters, 'sslrootcert')
  const cert = fileOption(parameters, 'sslcert')
  const key = fileOption(parameters, 'sslkey')
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
  switch (sslmode) {
    case 'verify-full':
      return { ...files, rejectUnauthorized: true, verifyIdentity: true }
    case 'verify-ca':
      return { ...files, rejectUnauthorized: true, verifyIdentity: false }
    case 'require':
      // As libpq: with a root certificate it verifies the chain, without one nothing.
      return { ...files, rejectUnauthorized: ca !== undefined, verifyIdentity: false }
    default:
      throw refuse(`sslmode=${sslmode} is not one of disable, require, verify-ca, verify-full`)
  }
}

/** For Node's own sockets. */
export function socketTls(options: TlsOptions, host: string): ConnectionOptions {
  return { ...anyHostTls(options), ...(isIP(host) === 0 ? { servername: host } : {}) }
}

/** The same for a client that says itself which host it is about to reach. */
export function anyHostTls({ verifyIdentity, ...options }: TlsOptions): ConnectionOptions {
  return { ...options, ...(verifyIdentity ? {} : { checkServerIdentity: () => undefined }) }
}

/** What is wrong with the way to a target, for `check`. */
export function tlsRisk(tls: TlsOptions | undefined, host: string): string | undefined {
  if (tls?.rejectUnauthorized === false)
    return `sslmode=require encrypts but does not verify that the server is ${host}`
  if (tls === undefined && !isLoopback(host)) return `rows go to ${host} unencrypted`
  return undefined
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
