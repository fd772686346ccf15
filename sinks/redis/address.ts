import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { errorMessage, TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'

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
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/
const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey']

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
  const unknown = [...url.searchParams.keys()].find(name => !PARAMETERS.includes(name))
  if (unknown !== undefined) throw badUrl(`it has the parameter ${unknown}; known are ${PARAMETERS.join(', ')}`)
  if (url.username !== '' && url.password === '') throw badUrl('it names a user and no password')
  const password = url.password === '' ? undefined : decodeURIComponent(url.password)
  if (password !== undefined) registerSecret(password)
  const sslmode = url.searchParams.get('sslmode') ?? defaultMode(url.protocol, host)
  const tls = tlsOptions(sslmode, host, url.searchParams)
  return {
    host,
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
    password,
    database: Number(path[1]),
    tls,
    unverified: tls?.rejectUnauthorized === false,
  }
}

/** For messages. */
export function serverName({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** `redis://` says nothing about the way between: on this machine it is safe, beyond it is not. */
function defaultMode(protocol: string, host: string): string {
  return protocol === 'redis:' && LOOPBACK.test(host) ? 'disable' : 'verify-full'
}

/** As libpq's sslmode of the same name. */
function tlsOptions(sslmode: string, host: string, parameters: URLSearchParams): ConnectionOptions | undefined {
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
      throw badUrl(`sslmode=${sslmode} is not one of disable, require, verify-ca, verify-full`)
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

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of a redis sink cannot be used: ${why}.`, {
    hint: 'redis://user:password@host:6379/0 or rediss://..., special characters percent-encoded',
  })
}
