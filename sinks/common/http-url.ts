import type { ConnectionOptions } from 'node:tls'
import type { TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'
import { socketTls, TLS_PARAMETERS, tlsOptions, tlsRisk } from '../../runtime/tls.ts'

/** Where a server is that speaks HTTP, and how to log in, from `https://user:password@host/path?sslrootcert=ca.pem`. */
export interface HttpUrl {
  readonly host: string
  readonly port: number
  /** For messages. */
  readonly server: string
  /** Without a slash at its end. */
  readonly path: string
  /** What is no parameter of TLS. */
  readonly parameters: URLSearchParams
  /** Header `authorization`; undefined: the url names no user. */
  readonly authorization: string | undefined
  /** Undefined: plain HTTP. */
  readonly tls: ConnectionOptions | undefined
  /** What is wrong with the way there, for `check`. */
  readonly risk: string | undefined
}

const PORTS = { 'http:': 80, 'https:': 443 } as const

/** Makes the password known to the logger. Throws what `refuse` makes. */
export function parseHttpUrl(text: string, refuse: (why: string) => TailraceError): HttpUrl {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw refuse('it is not a URL')
  }
  const { protocol, searchParams: parameters } = url
  if (protocol !== 'http:' && protocol !== 'https:') throw refuse('it does not begin with http:// or https://')
  const host = url.hostname.replace(/^\[(.+)\]$/, '$1')
  const sslmode = parameters.get('sslmode') ?? (protocol === 'https:' ? 'verify-full' : 'disable')
  if ((protocol === 'https:') === (sslmode === 'disable'))
    throw refuse(`sslmode=${sslmode} does not go with ${protocol}//`)
  const tls = tlsOptions(sslmode, parameters, refuse)
  for (const name of TLS_PARAMETERS) parameters.delete(name)
  return {
    host,
    port: url.port === '' ? PORTS[protocol] : Number(url.port),
    server: url.host,
    path: url.pathname.replace(/\/+$/, ''),
    parameters,
    authorization: loginOf(url, refuse),
    tls: tls === undefined ? undefined : socketTls(tls, host),
    risk: tlsRisk(tls, host),
  }
}

function loginOf({ username, password }: URL, refuse: (why: string) => TailraceError): string | undefined {
  if (username === '') return undefined
  if (password === '') throw refuse('it names a user and no password')
  const secret = decodeURIComponent(password)
  const login = Buffer.from(`${decodeURIComponent(username)}:${secret}`).toString('base64')
  for (const known of [secret, login]) registerSecret(known)
  return `Basic ${login}`
}
