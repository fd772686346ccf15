import type { ConnectionOptions } from 'node:tls'
import { TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'
import { isLoopback, TLS_PARAMETERS, tlsOptions } from '../common/tls.ts'

/** Where a cluster is and how to log in, from `https://user:password@host:9200/prefix?sslrootcert=ca.pem`. */
export interface Address {
  readonly host: string
  readonly port: number
  /** In front of every path: that of a proxy. Without a slash at its end. */
  readonly prefix: string
  /** Header of that name. */
  readonly authorization: string | undefined
  /** Undefined: plain HTTP. */
  readonly tls: ConnectionOptions | undefined
  /** What is wrong with the way there, for `check`. */
  readonly risk: string | undefined
}

const PORTS = { 'http:': 80, 'https:': 443 } as const

/** Makes password and key known to the logger. Throws CONFIG_URL. */
export function addressOf(text: string, apiKey: string | undefined): Address {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw badUrl('it is not a URL')
  }
  const { protocol } = url
  if (protocol !== 'http:' && protocol !== 'https:') throw badUrl('it does not begin with http:// or https://')
  const unknown = [...url.searchParams.keys()].find(name => !TLS_PARAMETERS.includes(name))
  if (unknown !== undefined) throw badUrl(`it has the parameter ${unknown}; known are ${TLS_PARAMETERS.join(', ')}`)
  const host = url.hostname.replace(/^\[(.+)\]$/, '$1')
  const sslmode = url.searchParams.get('sslmode') ?? (protocol === 'https:' ? 'verify-full' : 'disable')
  if ((protocol === 'https:') === (sslmode === 'disable'))
    throw badUrl(`sslmode=${sslmode} does not go with ${protocol}//`)
  const tls = tlsOptions(sslmode, host, url.searchParams, badUrl)
  return {
    host,
    port: url.port === '' ? PORTS[protocol] : Number(url.port),
    prefix: url.pathname.replace(/\/+$/, ''),
    authorization: authorizationOf(url, apiKey),
    tls,
    risk: riskOf(tls, host),
  }
}

/** For messages. */
export function serverName({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function authorizationOf({ username, password }: URL, apiKey: string | undefined): string | undefined {
  if (apiKey !== undefined) {
    if (username !== '') throw badUrl('it names a user beside `apiKey`')
    registerSecret(apiKey)
    return `ApiKey ${apiKey}`
  }
  if (username === '') return undefined
  if (password === '') throw badUrl('it names a user and no password')
  const secret = decodeURIComponent(password)
  registerSecret(secret)
  const login = Buffer.from(`${decodeURIComponent(username)}:${secret}`).toString('base64')
  registerSecret(login)
  return `Basic ${login}`
}

function riskOf(tls: ConnectionOptions | undefined, host: string): string | undefined {
  if (tls?.rejectUnauthorized === false)
    return `sslmode=require encrypts but does not verify that the server is ${host}`
  if (tls === undefined && !isLoopback(host)) return `rows go to ${host} unencrypted`
  return undefined
}

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of an elasticsearch sink cannot be used: ${why}.`, {
    hint: 'http://127.0.0.1:9200 or https://user:password@host:9200, special characters percent-encoded',
  })
}
