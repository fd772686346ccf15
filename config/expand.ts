import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { errorCode, TailraceError } from '../runtime/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What stands in a text for something else. */
export interface Expansion {
  readonly text: string
  /** Values put in, with what they came from: `DATABASE_URL`, `file:/run/secrets/x`. */
  readonly used: readonly { readonly from: string; readonly value: string }[]
}

const PLACEHOLDER = /\$\$|\$\{([^}]*)\}|\$\{/g
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/**
 * Replaces `${NAME}`, `${NAME:-default}` (also for an empty variable) and `${file:PATH}` (relative to `folder`, without
 * the newline at its end); `$$` is a dollar sign. What was put in is not looked at again. Throws CONFIG_VARIABLE.
 */
export function expand(text: string, environment: Environment, folder: string): Expansion {
  const used: { from: string; value: string }[] = []
  const expanded = text.replace(PLACEHOLDER, (found, inner: string | undefined) => {
    if (found === '$$') return '$'
    if (inner === undefined) throw unexpandable('"${" is never closed', 'Write $${ for the characters themselves.')
    const value = inner.startsWith('file:') ? readSecret(inner.slice(5), folder) : readVariable(inner, environment)
    used.push({ from: inner, value })
    return value
  })
  return { text: expanded, used }
}

function unexpandable(message: string, hint: string): TailraceError {
  return new TailraceError('CONFIG_VARIABLE', 'stop', message, { hint })
}

function readVariable(inner: string, environment: Environment): string {
  const match = VARIABLE.exec(inner)
  if (match === null)
    throw unexpandable(
      `"\${${inner}}" is not a variable`,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: shown to the user as written
      'Write ${NAME}, ${NAME:-default}, ${file:/path}, or $$ for a dollar sign.',
    )
  const [, name, fallback] = match
  const value = environment[name!]
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
  if (value !== undefined) return value
  throw unexpandable(
    `the environment variable ${name} is not set`,
    `Set it: export ${name}=..., or give a default: \${${name}:-value}.`,
  )
}

function readSecret(path: string, folder: string): string {
  try {
    return readFileSync(resolve(folder, path), 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw unexpandable(
      `the file ${path} cannot be read (${errorCode(error) ?? 'unknown reason'})`,
      'Make it readable for this user; a relative path starts from the folder of the configuration.',
    )
  }
}
