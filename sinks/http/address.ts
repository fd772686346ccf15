import { TailraceError } from '../../runtime/errors.ts'
import { type HttpUrl, parseHttpUrl } from '../common/http-url.ts'

/** Where a service is and how to log in. `path` has what stands behind it too. */
export type Address = Omit<HttpUrl, 'parameters'>

/** Makes the password known to the logger. Throws CONFIG_URL. */
export function addressOf(text: string): Address {
  const { parameters, ...address } = parseHttpUrl(text, badUrl)
  const query = parameters.size === 0 ? '' : `?${parameters}`
  return { ...address, path: `${address.path || '/'}${query}` }
}

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of an http sink cannot be used: ${why}.`, {
    hint: 'https://user:password@host/path, special characters percent-encoded',
  })
}
