import type { ConnectionOptions } from 'node:tls'
import { TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'
import { anyHostTls, isLoopback, TLS_PARAMETERS, tlsOptions, tlsRisk } from '../../runtime/tls.ts'

export type Mechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512'

/** Where a cluster is and how to log in, from `kafka://user:password@host:9092,host:9092?sslmode=verify-full`. */
export interface Address {
  /** `host:port`, those to begin with. */
  readonly brokers: readonly string[]
  /** For messages. */
  readonly server: string
  /** Undefined: the url names no user. */
  readonly login: { readonly mechanism: Mechanism; readonly username: string; readonly password: string } | undefined
  /** Undefined: plain TCP. */
  readonly tls: ConnectionOptions | undefined
  /** What is wrong with the way there, for `check`. */
  readonly risk: string | undefined
}

const DEFAULT_PORT = 9092
/** More than one host is no URL for URL. */
const URL_PARTS = /^kafka:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/?(?:\?([^#]*))?$/
const BROKER = /^([^:[\]\s]+)(?::(\d{1,5}))?$/

/** Makes the password known to the logger. Throws CONFIG_URL. */
export function addressOf(text: string, mechanism: Mechanism): Address {
  const parts = URL_PARTS.exec(text)
  if (parts === null) throw badUrl('it is not of the form below')
  const hosts = parts[2]!.split(',').map(broker => {
    const [, host, port] = BROKER.exec(broker) ?? []
    if (host === undefined) throw badUrl('a broker is not of the form host:port')
    return { host, port: Number(port ?? DEFAULT_PORT) }
  })
  const parameters = new URLSearchParams(parts[3])
  const unknown = [...parameters.keys()].find(name => !TLS_PARAMETERS.includes(name))
  if (unknown !== undefined) throw badUrl(`it has the parameter ${unknown}; known are ${TLS_PARAMETERS.join(', ')}`)
  const areLocal = hosts.every(({ host }) => isLoopback(host))
  const tls = tlsOptions(parameters.get('sslmode') ?? (areLocal ? 'disable' : 'verify-full'), parameters, badUrl)
  const far = hosts.find(({ host }) => !isLoopback(host))?.host ?? hosts[0]!.host
  const brokers = hosts.map(({ host, port }) => `${host}:${port}`)
  return {
    brokers,
    server: brokers.join(','),
    login: loginOf(parts[1], mechanism),
    // Brokers have names of their own, which they tell.
    tls: tls === undefined ? undefined : anyHostTls(tls),
    risk: tlsRisk(tls, far),
  }
}

function loginOf(text: string | undefined, mechanism: Mechanism): Address['login'] {
  if (text === undefined || text === '') return undefined
  const [user, ...rest] = text.split(':')
  const password = decoded(rest.join(':'))
  if (password === '') throw badUrl('it names a user and no password')
  registerSecret(password)
  return { mechanism, username: decoded(user!), password }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badUrl('a percent sign in it is not that of an encoding')
  }
}

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of a kafka sink cannot be used: ${why}.`, {
    hint: 'kafka://user:password@host:9092,host:9092?sslmode=verify-full, special characters percent-encoded',
  })
}
