import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TailraceError } from '../errors.ts'
import type { HttpConfig } from '../pipeline-config.ts'

/** Who may ask. Probes need no token: they say nothing but yes or no. */
const OPEN = new Set(['/healthz', '/readyz'])

/**
 * Throws UNAUTHORIZED without the token that is asked for, FORBIDDEN for requests that a web page elsewhere sent: by
 * its Origin, or by a name of its own that it made to point here (DNS rebinding).
 */
export function admit(request: IncomingMessage, path: string, { host, token }: HttpConfig): void {
  const named = request.headers.host ?? ''
  const { origin } = request.headers
  if (origin !== undefined && URL.parse(origin)?.host !== named)
    throw forbidden('The request comes from a web page of another origin.')
  // A page that lets its own name point here does not know the token.
  if (token === undefined && !isOurName(hostName(named), host))
    throw forbidden('The request names a host that this server does not have.')
  if (token !== undefined && !OPEN.has(path) && !bears(request, token))
    throw new TailraceError('UNAUTHORIZED', 'stop', 'A token is needed.', {
      hint: 'Send the configured http.token: Authorization: Bearer TOKEN',
    })
}

function bears(request: IncomingMessage, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  return timingSafeEqual(digest(given), digest(token))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function hostName(header: string): string {
  return header
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
}

function isOurName(name: string, host: string): boolean {
  return name === 'localhost' || name === '::1' || name === host.toLowerCase() || /^127(\.\d{1,3}){3}$/.test(name)
}

function forbidden(message: string): TailraceError {
  return new TailraceError('FORBIDDEN', 'stop', message, { hint: 'Ask 127.0.0.1 directly, without a browser between.' })
}
