import type { ConnectionOptions } from 'node:tls'
import { TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'
import { isLoopback, socketTls, TLS_PARAMETERS, tlsOptions } from '../../runtime/tls.ts'

/** Where a server is and how to log in, from `redis://user:password@host:6379/0?sslmode=verify-full`. */
export interface Address {
  readonly host: string
  readonly port: number
  /** Undefined: the default user, or no login at all. */
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** Undefined: plain TCP. */
  readonly tls: ConnectionOptions | undefined
  /** Encrypted, but whoever answers is believed. */
  readonly unverified: boolean
}

const DEFAULT_PORT = 6379

/** Makes the password known to the logger. Throws CONFIG_URL. */
export function addressOf(text: string): Address {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw badUrl('it is not a URL')
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:')
    throw badUrl('it does not begin with redis:// or rediss://')
  const host = url.hostname.replace(/^\[(.+)\]$/, '$1')
  if (host === '') throw badUrl('it names no host')
  const path = /^\/?(\d{0,9})$/.exec(url.pathname)
  if (path === null) throw badUrl('behind the host stands a database number, or nothing')
  const unknown = [...url.searchParams.keys()].find(name => !TLS_PARAMETERS.includes(name))
  if (unknown !== undefined) throw badUrl(`it has the parameter ${unknown}; known are ${TLS_PARAMETERS.join(', ')}`)
  if (url.username !== '' && url.password === '') throw badUrl('it names a user and no password')
  const password = url.password === '' ? undefined : decodeURIComponent(url.password)
  if (password !== undefined) registerSecret(password)
  const sslmode = url.searchParams.get('sslmode') ?? defaultMode(url.protocol, host)
  const tls = tlsOptions(sslmode, url.searchParams, badUrl)
  return {
    host,
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
    password,
    database: Number(path[1]),
    tls: tls === undefined ? undefined : socketTls(tls, host),
    unverified: tls?.rejectUnauthorized === false,
  }
}

/** For messages. */
export function serverName({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** `redis://` says nothing about the way between: on this machine it is safe, beyond it is not. */
function defaultMode(protocol: string, host: string): string {
  return protocol === 'redis:' && isLoopback(host) ? 'disable' : 'verify-full'
}

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of a redis sink cannot be used: ${why}.`, {
    hint: 'redis://user:password@host:6379/0 or rediss://..., special characters percent-encoded',
  })
}
