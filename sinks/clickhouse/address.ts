import { TailraceError } from '../../runtime/errors.ts'
import { type HttpUrl, parseHttpUrl } from '../common/http-url.ts'

/** Where a server is, how to log in, and the database of what the sink keeps for itself. */
export interface Address extends Omit<HttpUrl, 'parameters' | 'path'> {
  readonly database: string
}

const DEFAULT_DATABASE = 'default'

/** Of `https://user:password@host:8443/database`. Makes the password known to the logger. Throws CONFIG_URL. */
export function addressOf(text: string): Address {
  const { parameters, path, ...address } = parseHttpUrl(text, badUrl)
  const [unknown] = parameters.keys()
  if (unknown !== undefined) throw badUrl(`it has the parameter ${unknown}`)
  const parts = path.split('/').slice(1)
  if (parts.length > 1) throw badUrl('its path is more than the name of a database')
  return { ...address, database: decodeURIComponent(parts[0] || DEFAULT_DATABASE) }
}

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of a clickhouse sink cannot be used: ${why}.`, {
    hint: 'http://127.0.0.1:8123/database or https://user:password@host:8443/database, special characters percent-encoded',
  })
}
