import { TailraceError } from './errors.ts'
import { registerSecret } from './logger.ts'
import { isLoopback, type TlsOptions, tlsOptions } from './tls.ts'

/** What the `url` of a database says of the server: where it is, and how it must prove itself. */

/** What urls of a kind look like. */
export interface UrlKind {
  /** Whose they are, for messages: `postgres source`. */
  readonly owner: string
  /** With the colon. The first is the one to be written. */
  readonly protocols: readonly string[]
  readonly port: number
  readonly needsDatabase: boolean
}

export interface ServerAddress {
  readonly url: URL
  readonly kind: UrlKind
  /** A folder if it begins with a slash: a unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  /** Empty if there is none. */
  readonly database: string
  readonly sslmode: string
}

const NO_HOST = 'none.invalid'

/** Throws CONFIG_URL. */
export function serverAddress(text: string, kind: UrlKind): ServerAddress {
  let url: URL
  try {
    // libpq's form for unix sockets, user@/database?host=/folder, is no URL without a name there.
    url = new URL(text.replace(/^(\w+:\/\/[^/?#]*@)(?=\/)/, `$1${NO_HOST}`))
  } catch {
    throw badUrl(kind, 'it is not a URL')
  }
  if (!kind.protocols.includes(url.protocol)) throw badUrl(kind, `it does not begin with ${kind.protocols[0]}//`)
  const host = decodeURIComponent(url.searchParams.get('host') ?? url.hostname).replace(/^\[(.+)\]$/, '$1')
  if (host === '' || host === NO_HOST) throw badUrl(kind, 'it names no host')
  if (host.includes(',')) throw badUrl(kind, 'it names more than one host; name the primary')
  const database = decodeURIComponent(url.pathname.slice(1))
  if (kind.needsDatabase && database === '') throw badUrl(kind, 'it names no database')
  const password = url.password === '' ? undefined : decodeURIComponent(url.password)
  if (password !== undefined) registerSecret(password)
  const local = host.startsWith('/') || isLoopback(host)
  return {
    url,
    kind,
    host,
    port: Number(url.searchParams.get('port') ?? (url.port || kind.port)),
    user: decodeURIComponent(url.username),
    password,
    database,
    sslmode: url.searchParams.get('sslmode') ?? (local ? 'disable' : 'verify-full'),
  }
}

/** The host and port, for messages. */
export function addressName({ host, port }: ServerAddress): string {
  return `${host}:${port}`
}

/** What a person should know of this address: an encrypted connection whose server is not verified. */
export function addressWarning({ sslmode, host, url }: ServerAddress): string | undefined {
  if (sslmode === 'require' && !url.searchParams.has('sslrootcert'))
    return `sslmode=require encrypts but does not verify that the server is ${host}: use verify-full with sslrootcert`
  return undefined
}

/** Undefined: not encrypted. `sslmode` as in libpq. Throws CONFIG_URL. */
export function addressTls({ sslmode, kind, url }: ServerAddress): TlsOptions | undefined {
  return tlsOptions(sslmode, url.searchParams, why => badUrl(kind, why))
}

function badUrl({ owner, protocols, port }: UrlKind, why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of a ${owner} cannot be used: ${why}.`, {
    hint: `${protocols[0]}//user:password@host:${port}/database?sslmode=verify-full, special characters percent-encoded`,
  })
}
