import { readFileSync } from 'node:fs'
import { errorMessage, TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'

/** What the `url` of a source says of the server: where it is, and how it must prove itself. */

/** What urls of a kind look like. */
export interface UrlKind {
  /** Of the source, for messages. */
  readonly type: string
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
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/

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
  const local = host.startsWith('/') || LOOPBACK.test(host)
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

/** How a connection is encrypted, and what of the server's certificate is looked at. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The certificate must come from an authority that is known. */
  readonly rejectUnauthorized: boolean
  /** It must be that host's. */
  readonly verifyIdentity: boolean
}

/** Undefined: not encrypted. `sslmode` as in libpq. Throws CONFIG_URL. */
export function tlsOptions(address: ServerAddress): TlsOptions | undefined {
  const { sslmode, kind } = address
  if (sslmode === 'disable') return undefined
  const ca = fileOption(address, 'sslrootcert')
  const cert = fileOption(address, 'sslcert')
  const key = fileOption(address, 'sslkey')
  const shared = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
  switch (sslmode) {
    case 'verify-full':
      return { ...shared, rejectUnauthorized: true, verifyIdentity: true }
    case 'verify-ca':
      return { ...shared, rejectUnauthorized: true, verifyIdentity: false }
    case 'require':
      // As libpq: with a root certificate it verifies the chain, without one nothing.
      return { ...shared, rejectUnauthorized: ca !== undefined, verifyIdentity: false }
    default:
      throw badUrl(kind, `sslmode=${sslmode} is not one of disable, require, verify-ca, verify-full`)
  }
}

function fileOption({ url }: ServerAddress, name: string): string | undefined {
  const path = url.searchParams.get(name)
  if (path === null) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new TailraceError('CONFIG_URL', 'stop', `The file of ${name} cannot be read: ${errorMessage(cause)}`, {
      cause,
    })
  }
}

function badUrl({ type, protocols, port }: UrlKind, why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of a ${type} source cannot be used: ${why}.`, {
    hint: `${protocols[0]}//user:password@host:${port}/database?sslmode=verify-full, special characters percent-encoded`,
  })
}
