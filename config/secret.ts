import { registerSecret } from '../runtime/logger.ts'
import type { Expansion } from './expand.ts'

const SECRET_NAME = /pass(word|wd|phrase)?$|secret|token|api_?key|mask_?key|credential|authorization/i

/** Makes known to the redacting logger what was put into a value from a secret file or a variable named like one. */
export function registerExpanded(expansion: Expansion): void {
  for (const { from, value } of expansion.used)
    if (from.startsWith('file:') || SECRET_NAME.test(from.split(':-')[0]!)) registerSecret(value)
}

/** The same for options named like a secret, and for passwords in URLs, anywhere in the configuration. */
export function registerSecrets(value: unknown, name = ''): void {
  if (typeof value === 'string') {
    if (SECRET_NAME.test(name)) registerSecret(value)
    registerUrl(value)
  } else if (typeof value === 'object' && value !== null)
    for (const [key, part] of Object.entries(value)) registerSecrets(part, Array.isArray(value) ? name : key)
}

function registerUrl(text: string): void {
  if (!URL.canParse(text)) return
  const url = new URL(text)
  // A password equal to the user's name hides nothing, and masking it would make most log lines unreadable.
  if (url.password !== '' && url.password !== url.username) {
    registerSecret(url.password)
    registerSecret(decoded(url.password))
  }
  for (const [key, value] of url.searchParams) if (SECRET_NAME.test(key)) registerSecret(value)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
