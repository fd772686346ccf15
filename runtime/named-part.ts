import { TailraceError } from './errors.ts'

/** The part of this name. Throws UNKNOWN_SOURCE, UNKNOWN_SINK. */
export function namedPart<P extends { readonly name: string }>(
  parts: readonly P[],
  kind: 'source' | 'sink',
  name: string,
): P {
  const found = parts.find(part => part.name === name)
  if (found !== undefined) return found
  const code = kind === 'source' ? 'UNKNOWN_SOURCE' : 'UNKNOWN_SINK'
  throw new TailraceError(code, 'stop', `There is no ${kind} "${name}".`, {
    hint: `The ${kind}s are ${parts.map(part => part.name).join(', ') || 'none'}.`,
  })
}
