import { TailraceError } from '../../runtime/errors.ts'
import { registerSecret } from '../../runtime/logger.ts'
import { type HttpUrl, parseHttpUrl } from '../common/http-url.ts'

/** Where a cluster is and how to log in. `path` is in front of every path: that of a proxy. */
export type Address = Omit<HttpUrl, 'parameters'>

/** Makes password and key known to the logger. Throws CONFIG_URL. */
export function addressOf(text: string, apiKey: string | undefined): Address {
  const { parameters, ...address } = parseHttpUrl(text, badUrl)
  const [unknown] = parameters.keys()
  if (unknown !== undefined) throw badUrl(`it has the parameter ${unknown}`)
  if (apiKey === undefined) return address
  if (address.authorization !== undefined) throw badUrl('it names a user beside `apiKey`')
  registerSecret(apiKey)
  return { ...address, authorization: `ApiKey ${apiKey}` }
}

function badUrl(why: string): TailraceError {
  return new TailraceError('CONFIG_URL', 'stop', `The url of an elasticsearch sink cannot be used: ${why}.`, {
    hint: 'http://127.0.0.1:9200 or https://user:password@host:9200, special characters percent-encoded',
  })
}
